/// How far equal builds lie apart, from calibrations in a database.
#include "results/gate/noise_floor.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "results/gate/evidence.h"
#include "results/statistics.h"
#include "tests/results/gate_scenarios.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

/// A calibration's comparison of `num_rounds` pairs of these cells.
Script calibrating(const std::string& calibration_id, int number, std::int64_t num_rounds,
                   std::vector<PlannedCell> cells) {
  Script script;
  script.name = calibration_id + std::to_string(number);
  script.seed = static_cast<std::uint64_t>(number + 1);
  script.num_rounds = num_rounds;
  script.has_twin = false;
  script.calibration_id = calibration_id;
  script.plan = [cells](Arm) { return cells; };
  script.measure = [](const PlannedCell&, const Turn&, ScriptNoise& noise) {
    return std::vector{timed_trial(1e8 * std::exp(noise.normal(0.01)))};
  };
  return script;
}

/// The median of the means of all pairs of log ratios of the rounds.
double walsh_median(const GateEvidence& evidence, const std::string& cell_id) {
  std::map<std::int64_t, double> ratios;
  for (const GateSample& sample : evidence.samples) {
    for (const TrialRecord& trial : sample.run.trials) {
      if (trial.cell_id != cell_id) continue;
      std::vector<std::int64_t> values = metric_values(trial, "prefill");
      const double median = summarize(values).median;
      ratios[sample.round] += (sample.arm == Arm::candidate ? 1 : -1) * std::log(median);
    }
  }
  std::vector<double> means;
  for (auto a = ratios.begin(); a != ratios.end(); ++a) {
    for (auto b = a; b != ratios.end(); ++b) means.push_back((a->second + b->second) / 2);
  }
  std::sort(means.begin(), means.end());
  return (means[(means.size() - 1) / 2] + means[means.size() / 2]) / 2;
}

TEST_CASE("a cell's noise floor is that of the build that was calibrated last in it") {
  const ScratchFolder folder;
  const std::string path = folder / "a.db";
  const PlannedCell both = scripted_cell(0), older_only = scripted_cell(1);
  const std::string older = "01900000-0000-7000-8000-00000000000a";
  const std::string newer[] = {"01900000-0000-7000-8000-00000000000b",
                               "01900000-0000-7000-8000-00000000000c"};
  std::vector<double> estimates;
  for (int i = 0; i < 3; ++i) {
    Script script = calibrating(older, i, 10, {both, older_only});
    write_comparison(path, script);
    estimates.push_back(walsh_median(make_evidence(script), older_only.cell.cell_id));
  }
  for (int i = 0; i < 2; ++i) {
    // Of one build, in two goes.
    Script script = calibrating(newer[i], i, 6, {both});
    script.base_commit = "newer";
    script.started_ms += 3'600'000 * (i + 1);
    write_comparison(path, script);
  }
  const ResultStore store = ResultStore::open(path, ResultStore::Mode::read_only);
  const std::string machine = store.list_comparisons().front().machine_id;
  const std::set<std::string> asked{both.cell.cell_id, older_only.cell.cell_id, "no such cell"};

  std::vector<NoiseFloor> floors = stored_noise_floors(store, machine, asked);
  REQUIRE(floors.size() == 2);
  if (floors[0].cell_id != both.cell.cell_id) std::swap(floors[0], floors[1]);
  CHECK(floors[0].cell_id == both.cell.cell_id);
  CHECK(floors[0].metric == "prefill");
  CHECK(floors[0].num_comparisons == 2);
  CHECK(floors[0].num_pairs == 6);
  CHECK(floors[1].cell_id == older_only.cell.cell_id);
  CHECK(floors[1].num_comparisons == 3);
  CHECK(floors[1].num_pairs == 10);
  double mean = 0, sum = 0;
  for (const double estimate : estimates) mean += estimate / 3;
  for (const double estimate : estimates) sum += (estimate - mean) * (estimate - mean) / 2;
  CHECK(!(std::abs(floors[1].sd - std::sqrt(sum)) > 1e-12));

  CHECK(stored_noise_floors(store, machine, {older_only.cell.cell_id}).size() == 1);
  CHECK(stored_noise_floors(store, machine, {}).empty());
  CHECK(stored_noise_floors(store, "another machine", asked).empty());

  GateEvidence evidence = load_evidence(store, store.list_comparisons().back());
  add_noise_floors(evidence, store);
  CHECK(evidence.noise_floors.size() == 2);
}

}  // namespace
}  // namespace dsabench::test
