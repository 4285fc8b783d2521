#include "harness/run/trial_list.h"

#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

SweepPlan two_cells() {
  const ModelConfig config = resolve_model_config(test::tiny_request());
  SweepAxes axes;
  axes.suites = {&find_suite("speed")};
  axes.contexts = {64};
  axes.patterns = choose_patterns(config, {"FSS"}, {}, std::nullopt);
  return make_sweep_plan(config, axes);
}

RunProgress::Pair tried(const SweepPlan& plan, TrialOutcome outcome, std::int64_t num_trials,
                        std::int64_t num_crashed, bool last_crashed) {
  RunProgress::Pair pair;
  pair.cell_id = cell_id(plan.entries[0].cell);
  pair.repeat = 1;
  pair.ok = outcome == TrialOutcome::ok;
  pair.last_outcome = outcome;
  pair.num_trials = num_trials;
  pair.num_crashed = num_crashed;
  pair.last_crashed = last_crashed;
  return pair;
}

TEST_CASE("cells come inside repeats") {
  const SweepPlan plan = two_cells();
  CHECK(all_trials(plan, 2) == std::vector<TrialTask>{{0, 0}, {1, 0}, {0, 1}, {1, 1}});
  CHECK(unfinished_trials(plan, 2, {}, false) == all_trials(plan, 2));
}

TEST_CASE("outcomes stay, and what ended without one is run again") {
  const SweepPlan plan = two_cells();
  const auto is_left = [&](TrialOutcome outcome, std::int64_t num_trials, std::int64_t num_crashed,
                           bool last_crashed = false, bool retry_failed = false) {
    const RunProgress::Pair pair = tried(plan, outcome, num_trials, num_crashed, last_crashed);
    const std::vector<TrialTask> left = unfinished_trials(plan, 2, {&pair, 1}, retry_failed);
    if (left.size() == 4) return true;
    CHECK(left == std::vector<TrialTask>{{0, 0}, {1, 0}, {1, 1}});
    return false;
  };
  CHECK_FALSE(is_left(TrialOutcome::ok, 1, 0));
  CHECK_FALSE(is_left(TrialOutcome::ok, 3, 2));
  CHECK_FALSE(is_left(TrialOutcome::failed, 1, 0));
  CHECK_FALSE(is_left(TrialOutcome::incorrect, 1, 0));
  CHECK(is_left(TrialOutcome::interrupted, 1, 0));
  CHECK(is_left(TrialOutcome::discarded, 1, 0));
  CHECK(is_left(TrialOutcome::failed, 1, 1, true));
  CHECK(is_left(TrialOutcome::failed, 2, 2, true));
  CHECK_FALSE(is_left(TrialOutcome::failed, 3, 3, true));
  CHECK(is_left(TrialOutcome::failed, 3, 2, true));  // crashed, interrupted, crashed
  CHECK_FALSE(is_left(TrialOutcome::failed, 2, 1));  // crashed, out of memory

  const auto is_retried = [&](TrialOutcome outcome, std::int64_t num_trials,
                              std::int64_t num_crashed, bool last_crashed = false) {
    return is_left(outcome, num_trials, num_crashed, last_crashed, true);
  };
  CHECK(is_retried(TrialOutcome::failed, 1, 0));
  CHECK(is_retried(TrialOutcome::failed, 3, 3, true));
  CHECK(is_retried(TrialOutcome::incorrect, 1, 0));
  CHECK_FALSE(is_retried(TrialOutcome::ok, 1, 0));
}

}  // namespace
}  // namespace dsabench
