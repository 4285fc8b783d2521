#include "harness/run/stored_overlap.h"

#include <unistd.h>

#include <cmath>

#include "harness/run/environment.h"

namespace dsabench {

PlannedCell overlap_cell(const Cell& cell) {
  PlannedCell planned;
  planned.cell = to_record(cell);
  planned.nominal_retention = "1";
  planned.pattern_origin = "uniform";
  planned.dialect = "paper";
  return planned;
}

TrialRecord overlap_trial(const Cell& cell, const OverlapSummary& summary, std::int64_t top_k,
                          std::int64_t num_questions) {
  TrialRecord trial;
  trial.cell_id = cell_id(cell);
  trial.process_id = ::getpid();
  trial.outcome = TrialOutcome::ok;
  trial.stop_reason = "count";
  trial.verification_json = "{}";
  trial.conditions_json = current_conditions();
  const auto add = [&trial](const char* name, std::vector<std::int64_t> values) {
    trial.metrics.push_back({name, "count", "exact", std::move(values)});
  };
  const auto parts = [](double share) { return std::int64_t{std::llround(1e6 * share)}; };
  std::vector<std::int64_t> matrix;
  for (const double share : summary.layer_matrix) matrix.push_back(parts(share));
  add(kOverlapMatrix, std::move(matrix));
  if (summary.neighbour_queries) add(kOverlapQueries, {parts(*summary.neighbour_queries)});
  if (summary.chance) add(kOverlapChance, {parts(*summary.chance)});
  add(kOverlapTopK, {top_k});
  add(kOverlapPairs, {summary.sampled_pairs});
  add(kOverlapQuestions, {num_questions});
  return trial;
}

OverlapSummary stored_summary(const OverlapView& overlap) {
  const auto share = [&overlap](const char* metric) -> std::optional<double> {
    const auto parts = overlap.value(metric);
    return parts ? std::optional(static_cast<double>(*parts) / 1e6) : std::nullopt;
  };
  OverlapSummary summary;
  summary.sampled_pairs = overlap.value(kOverlapPairs).value_or(0);
  summary.neighbour_queries = share(kOverlapQueries);
  summary.chance = share(kOverlapChance);
  for (std::int64_t a = 0; a < overlap.num_layers; ++a) {
    summary.full_layers.push_back(a);
    for (std::int64_t b = 0; b < overlap.num_layers; ++b) {
      summary.layer_matrix.push_back(overlap.share(a, b));
    }
  }
  double neighbours = 0.0;
  for (std::int64_t layer = 1; layer < overlap.num_layers; ++layer) {
    neighbours += overlap.share(layer - 1, layer);
  }
  if (overlap.num_layers > 1) {
    summary.neighbour_full_layers = neighbours / static_cast<double>(overlap.num_layers - 1);
  }
  return summary;
}

}  // namespace dsabench
