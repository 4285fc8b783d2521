#include "harness/cli/stored_calibration.h"

#include <algorithm>
#include <set>

#include "results/gate/evidence.h"

namespace dsabench {
namespace {

bool is_meant(const ComparisonRecord& comparison, const CalibrationFilter& filter) {
  return comparison.kind == "calibrate" && comparison.status == "done" &&
         comparison.machine_id == filter.machine_id && !comparison.samples.empty();
}

bool has_cell(const std::vector<PlannedCell>& plan, const std::vector<std::string>& cell_ids) {
  return cell_ids.empty() || std::any_of(plan.begin(), plan.end(), [&](const PlannedCell& planned) {
           return std::find(cell_ids.begin(), cell_ids.end(), planned.cell.cell_id) !=
                  cell_ids.end();
         });
}

}  // namespace

std::vector<CalibrationComparison> load_calibrations(
    const ResultStore& store, const CalibrationFilter& filter, std::span<const std::string> metrics,
    const std::function<bool(const GateEvidence&)>& is_alarm) {
  std::vector<CalibrationComparison> comparisons;
  std::vector<ComparisonRecord> stored = store.list_comparisons();
  std::reverse(stored.begin(), stored.end());
  for (const ComparisonRecord& comparison : stored) {
    if (!is_meant(comparison, filter)) continue;
    const RunProgress first = store.load_progress(comparison.samples.front().run_id);
    if (!filter.build_id.empty() && first.run.build_id != filter.build_id) continue;
    if (!has_cell(first.plan, filter.cell_ids)) continue;
    const GateEvidence evidence = load_evidence(store, comparison);
    CalibrationComparison& loaded = comparisons.emplace_back();
    std::set<std::int64_t> rounds;
    for (const GateSample& sample : evidence.samples) rounds.insert(sample.round);
    loaded.num_pairs = std::ssize(rounds);
    loaded.is_alarm = is_alarm(evidence);
    loaded.series = calibration_series(evidence.samples, metrics);
  }
  return comparisons;
}

std::vector<std::string> time_metrics(const GatePolicy& policy) {
  std::vector<std::string> names;
  for (const GatedMetric& metric : policy.metrics) {
    const bool known = std::find(names.begin(), names.end(), metric.metric) != names.end();
    if (metric.kind == MetricKind::time && !known) names.push_back(metric.metric);
  }
  return names;
}

}  // namespace dsabench
