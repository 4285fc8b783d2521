#include "results/gate/noise_floor.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
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

/// The comparisons of one build with itself, and the cells that they have.
struct OfBuild {
  std::vector<ComparisonRecord> comparisons;
  std::set<std::string> cell_ids;
};

/// By build, that of the newest calibration first.
std::vector<OfBuild> calibrations_of(const ResultStore& store, const std::string& machine_id) {
  std::vector<OfBuild> all;
  std::map<std::string, std::size_t> places;
  for (ComparisonRecord& comparison : store.list_comparisons()) {
    if (comparison.kind != "calibrate" || comparison.status != "done" ||
        comparison.machine_id != machine_id || comparison.samples.empty()) {
      continue;
    }
    const RunProgress first = store.load_progress(comparison.samples.front().run_id);
    const std::size_t place = places.emplace(first.run.build_id, all.size()).first->second;
    if (place == all.size()) all.emplace_back();
    for (const PlannedCell& planned : first.plan) all[place].cell_ids.insert(planned.cell.cell_id);
    all[place].comparisons.push_back(std::move(comparison));
  }
  return all;
}

}  // namespace

std::vector<NoiseFloor> noise_floors_of(const std::vector<GateEvidence>& comparisons) {
  struct Seen {
    std::vector<double> estimates;
    std::size_t num_pairs = 0;
  };
  std::map<std::pair<std::string, std::string>, Seen> seen;
  for (const GateEvidence& evidence : comparisons) {
    const gate::EvidenceCells all = gate::gather_cells(evidence);
    for (const gate::EvidenceCell& cell : all.cells) {
      for (const std::string& metric : timed_metrics(cell)) {
        const gate::Times times = gate::collect_times(cell.base, cell.candidate, metric, true);
        if (times.ratios.empty()) continue;
        Seen& of_metric = seen[{cell.cell().cell_id, metric}];
        of_metric.estimates.push_back(hodges_lehmann(times.ratios, 0.5).estimate);
        of_metric.num_pairs += times.ratios.size();
      }
    }
  }
  std::vector<NoiseFloor> floors;
  for (const auto& [key, of_metric] : seen) {
    const std::vector<double>& values = of_metric.estimates;
    if (values.size() < 2) continue;
    const auto count = static_cast<double>(values.size());
    double mean = 0, sum = 0;
    for (const double value : values) mean += value / count;
    for (const double value : values) sum += (value - mean) * (value - mean);
    floors.push_back({key.first, key.second, std::sqrt(sum / (count - 1)), std::ssize(values),
                      static_cast<double>(of_metric.num_pairs) / count});
  }
  return floors;
}

std::vector<NoiseFloor> stored_noise_floors(const ResultStore& store, const std::string& machine_id,
                                            std::set<std::string> cell_ids) {
  std::vector<NoiseFloor> floors;
  for (const OfBuild& of_build : calibrations_of(store, machine_id)) {
    const bool is_asked = std::any_of(cell_ids.begin(), cell_ids.end(), [&](const auto& cell_id) {
      return of_build.cell_ids.contains(cell_id);
    });
    if (!is_asked) continue;
    std::vector<GateEvidence> evidence;
    for (const ComparisonRecord& comparison : of_build.comparisons) {
      evidence.push_back(load_evidence(store, comparison));
    }
    std::set<std::string> found;
    for (NoiseFloor& floor : noise_floors_of(evidence)) {
      if (!cell_ids.contains(floor.cell_id)) continue;
      found.insert(floor.cell_id);
      floors.push_back(std::move(floor));
    }
    for (const std::string& cell_id : found) cell_ids.erase(cell_id);
  }
  std::sort(floors.begin(), floors.end(), [](const NoiseFloor& a, const NoiseFloor& b) {
    return std::tie(a.cell_id, a.metric) < std::tie(b.cell_id, b.metric);
  });
  return floors;
}

void add_noise_floors(GateEvidence& evidence, const ResultStore& store) {
  std::set<std::string> cell_ids;
  std::string machine_id;
  for (const GateSample& sample : evidence.samples) {
    if (sample.arm != Arm::base) continue;
    machine_id = sample.run.run.machine_id;
    for (const PlannedCell& planned : sample.run.plan) cell_ids.insert(planned.cell.cell_id);
  }
  evidence.noise_floors = stored_noise_floors(store, machine_id, std::move(cell_ids));
}

}  // namespace dsabench
