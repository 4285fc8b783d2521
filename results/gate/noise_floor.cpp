#include "results/gate/noise_floor.h"

#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "results/gate/cells.h"
#include "results/gate/evidence.h"
#include "results/gate/timing.h"
#include "results/statistics/signed_rank.h"

namespace dsabench {
namespace {

/// The names of a cell's metrics that are better when they are lower.
std::set<std::string> timed_metrics(const gate::EvidenceCell& cell) {
  std::set<std::string> names;
  for (const gate::Observation& seen : cell.base) {
    for (const TrialRecord* trial : seen.view->ok_trials) {
      for (const MetricSamples& metric : trial->metrics) {
        if (metric.better == "lower") names.insert(metric.name);
      }
    }
  }
  return names;
}

}  // namespace

std::vector<NoiseFloor> noise_floors_of(const std::vector<GateEvidence>& comparisons) {
  std::map<std::pair<std::string, std::string>, std::vector<double>> estimates;
  for (const GateEvidence& evidence : comparisons) {
    const gate::EvidenceCells all = gate::gather_cells(evidence);
    for (const gate::EvidenceCell& cell : all.cells) {
      for (const std::string& metric : timed_metrics(cell)) {
        const gate::Times times = gate::collect_times(cell.base, cell.candidate, metric, true);
        if (times.ratios.empty()) continue;
        estimates[{cell.cell().cell_id, metric}].push_back(
            hodges_lehmann(times.ratios, 0.5).estimate);
      }
    }
  }
  std::vector<NoiseFloor> floors;
  for (const auto& [key, values] : estimates) {
    if (values.size() < 2) continue;
    const auto count = static_cast<double>(values.size());
    double mean = 0, sum = 0;
    for (const double value : values) mean += value / count;
    for (const double value : values) sum += (value - mean) * (value - mean);
    floors.push_back({key.first, key.second, std::sqrt(sum / (count - 1)), std::ssize(values)});
  }
  return floors;
}

std::vector<NoiseFloor> stored_noise_floors(const ResultStore& store,
                                            const std::string& machine_id) {
  std::vector<std::string> order;  // of calibrations, newest first
  std::map<std::string, std::vector<ComparisonRecord>> calibrations;
  for (ComparisonRecord& comparison : store.list_comparisons()) {
    if (comparison.kind != "calibrate" || comparison.status != "done" ||
        comparison.machine_id != machine_id) {
      continue;
    }
    std::vector<ComparisonRecord>& known = calibrations[comparison.calibration_id];
    if (known.empty()) order.push_back(comparison.calibration_id);
    known.push_back(std::move(comparison));
  }
  for (const std::string& calibration : order) {
    if (calibrations[calibration].size() < 2) continue;
    std::vector<GateEvidence> evidence;
    for (const ComparisonRecord& comparison : calibrations[calibration]) {
      evidence.push_back(load_evidence(store, comparison));
    }
    return noise_floors_of(evidence);
  }
  return {};
}

}  // namespace dsabench
