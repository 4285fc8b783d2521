#include "harness/cli/stored_calibration.h"

#include <algorithm>
#include <map>
#include <set>

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

std::vector<GateSample> load_rounds(const ResultStore& store, const ComparisonRecord& comparison) {
  std::map<std::int64_t, std::size_t> num_arms;
  for (const ComparisonSample& sample : comparison.samples) ++num_arms[sample.round];
  std::vector<GateSample> samples;
  for (const ComparisonSample& sample : comparison.samples) {
    // A kill in the midst of writing a round leaves a part of it.
    if (num_arms[sample.round] != comparison.arms.size()) continue;
    samples.push_back({sample.arm, sample.round, sample.place, store.load_run(sample.run_id)});
    for (TrialRecord& trial : samples.back().run.trials) {
      trial.stage_times = {};
      trial.device_samples = {};
    }
  }
  return samples;
}

}  // namespace

std::vector<CalibrationComparison> load_calibrations(
    const ResultStore& store, const CalibrationFilter& filter, std::span<const std::string> metrics,
    const std::function<bool(const std::vector<GateSample>&)>& is_alarm) {
  std::vector<CalibrationComparison> comparisons;
  std::vector<ComparisonRecord> stored = store.list_comparisons();
  std::reverse(stored.begin(), stored.end());
  for (const ComparisonRecord& comparison : stored) {
    if (!is_meant(comparison, filter)) continue;
    const RunProgress first = store.load_progress(comparison.samples.front().run_id);
    if (!filter.build_id.empty() && first.run.build_id != filter.build_id) continue;
    if (!has_cell(first.plan, filter.cell_ids)) continue;
    const std::vector<GateSample> samples = load_rounds(store, comparison);
    CalibrationComparison& loaded = comparisons.emplace_back();
    std::set<std::int64_t> rounds;
    for (const GateSample& sample : samples) rounds.insert(sample.round);
    loaded.num_pairs = std::ssize(rounds);
    loaded.is_alarm = is_alarm(samples);
    loaded.series = calibration_series(samples, metrics);
  }
  return comparisons;
}

std::vector<NoiseFloor> load_noise_floors(const ResultStore& store, const std::string& machine_id,
                                          const std::vector<PlannedCell>& cells,
                                          const GatePolicy& policy) {
  CalibrationFilter filter{machine_id, {}, {}};
  for (const PlannedCell& planned : cells) filter.cell_ids.push_back(planned.cell.cell_id);
  return noise_floors(
      load_calibrations(store, filter, time_metrics(policy), [](const auto&) { return false; }));
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
