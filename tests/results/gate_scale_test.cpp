#include <chrono>
#include <cstdio>

#include "results/gate.h"
#include "results/gate/evidence.h"
#include "results/report/render.h"
#include "tests/results/full_size.h"
#include "tests/results/gate_scenarios.h"
#include "tests/support/catch.h"
#include "tests/support/sanitized.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

constexpr std::int64_t kGateCells = 20, kRounds = 20;

/// Of each cell in each process: 3 arms of 20 rounds and 20 cells make a million.
std::int64_t gate_samples_per_trial() { return full_size() ? 834 : kSanitized ? 10 : 40; }

Script large_script() {
  Script script;
  script.name = "large";
  script.num_rounds = kRounds;
  script.plan = [](Arm) {
    std::vector<PlannedCell> plan;
    for (std::int64_t i = 0; i < kGateCells; ++i) plan.push_back(scripted_cell(i));
    return plan;
  };
  script.measure = [](const PlannedCell&, const Turn&, ScriptNoise& noise) {
    TrialRecord trial = timed_trial(1);
    trial.metrics[0].values.clear();
    for (std::int64_t i = 0; i < gate_samples_per_trial(); ++i) {
      const auto value = static_cast<std::int64_t>(100e6 * (1 + noise.normal(0.005)));
      trial.metrics[0].values.push_back(value);
      trial.stage_times.push_back({"prefill", i, 0, "moe", value / 2});
    }
    return std::vector{trial};
  };
  return script;
}

TEST_CASE("the gate judges a million samples in under two seconds") {
  const ScratchFolder folder;
  const std::string path = folder / "a.db";
  write_comparison(path, large_script());
  CHECK((!full_size() || 3 * kRounds * kGateCells * gate_samples_per_trial() >= 1'000'000));
  const auto start = std::chrono::steady_clock::now();
  const ResultStore store = ResultStore::open(path, ResultStore::Mode::read_only);
  const GateReport report =
      judge(default_gate_policy(), load_evidence(store, store.load_comparison("last")));
  const std::string printed = render(TableFormat::markdown, gate_tables(report));
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  if (full_size()) std::printf("%-24s %.3f s\n", "gate", taken.count());
  CHECK((!full_size() || taken.count() < 2.0));
  CHECK(report.verdict == Verdict::pass);
  CHECK(report.rows.size() == 2 * kGateCells);
  CHECK_FALSE(printed.empty());
}

}  // namespace
}  // namespace dsabench::test
