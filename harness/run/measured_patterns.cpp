#include "harness/run/measured_patterns.h"

#include <algorithm>

#include "kernels/base/error.h"
#include "results/profile_record.h"
#include "results/statistics.h"

namespace dsabench {
namespace {

/// Older runs take long to read, and say little.
constexpr int kMaxRunsRead = 20;

bool is_alike(const PlannedCell& planned, const Cell& cell) {
  try {
    Cell other = parse_canonical_cell(planned.cell.canonical_json);
    other.pattern = cell.pattern;
    other.whole_pattern = cell.whole_pattern;  // of a slice
    return other == cell;
  } catch (const InvalidArgument&) {  // of a build with other fields
    return false;
  }
}

/// Of the ok trials; nothing where there is none, or one that is incorrect.
std::vector<std::int64_t> values_of(const RunResults& results, const std::string& cell_id,
                                    const std::string& metric) {
  std::vector<std::int64_t> values;
  for (const TrialRecord& trial : results.trials) {
    if (trial.cell_id != cell_id) continue;
    if (trial.outcome == TrialOutcome::incorrect) return {};
    if (trial.outcome != TrialOutcome::ok) continue;
    const std::vector<std::int64_t>& own = metric_values(trial, metric);
    values.insert(values.end(), own.begin(), own.end());
  }
  return values;
}

}  // namespace

std::map<std::string, double> measured_patterns(const ResultStore& store, const Cell& cell,
                                                const RunRecord& here) {
  std::map<std::string, double> medians;
  int num_runs = 0;
  for (const RunRecord& run : store.list_runs()) {
    const bool same = run.machine_id == here.machine_id && run.build_id == here.build_id &&
                      run.model_id == here.model_id && !run.mixed && run.status != kProfileStatus;
    if (!same) continue;
    std::vector<PlannedCell> plan = store.load_progress(run.run_id).plan;
    std::erase_if(plan, [&](const PlannedCell& planned) { return !is_alike(planned, cell); });
    if (plan.empty()) continue;
    if (++num_runs > kMaxRunsRead) break;
    const RunResults results = store.load_run(run.run_id);
    for (const PlannedCell& planned : plan) {
      const auto values = values_of(results, planned.cell.cell_id, metric_of(cell));
      if (!values.empty()) medians.emplace(planned.cell.pattern, summarize(values).median);
    }
  }
  return medians;
}

}  // namespace dsabench
