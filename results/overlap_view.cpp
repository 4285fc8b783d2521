#include "results/overlap_view.h"

#include <fmt/format.h>

#include "kernels/base/error.h"

namespace dsabench {

double OverlapView::share(std::int64_t a, std::int64_t b) const {
  return static_cast<double>(matrix_ppm[static_cast<std::size_t>(a * num_layers + b)]) / 1e6;
}

std::optional<std::int64_t> OverlapView::value(std::string_view metric) const {
  const std::vector<std::int64_t>& values = metric_values(trial, metric);
  return values.empty() ? std::nullopt : std::optional(values.front());
}

OverlapView view_overlap(const RunResults& results) {
  const RunRecord& run = results.run;
  if (run.status != kOverlapStatus || results.plan.size() != 1 || results.trials.size() != 1) {
    throw InvalidArgument(
        fmt::format("run {} is no overlap: its status is {}", run.run_id, run.status));
  }
  const TrialRecord& trial = results.trials.front();
  const std::vector<std::int64_t>& matrix = metric_values(trial, kOverlapMatrix);
  const CellRecord& cell = results.plan.front().cell;
  const std::int64_t layers = std::ssize(cell.pattern);
  if (std::ssize(matrix) != layers * layers) {
    throw InvalidArgument(fmt::format("run {}: {} has {} values, expected {} for {} layers",
                                      run.run_id, kOverlapMatrix, matrix.size(), layers * layers,
                                      layers));
  }
  return {cell, trial, layers, matrix};
}

}  // namespace dsabench
