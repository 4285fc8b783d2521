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
                        std::int64_t num_crashed) {
  RunProgress::Pair pair;
  pair.cell_id = cell_id(plan.entries[0].cell);
  pair.repeat = 1;
  pair.ok = outcome == TrialOutcome::ok;
  pair.last_outcome = outcome;
  pair.num_trials = num_trials;
  pair.num_crashed = num_crashed;
  return pair;
}

TEST_CASE("cells come inside repeats") {
  const SweepPlan plan = two_cells();
  CHECK(all_trials(plan, 2) == std::vector<TrialTask>{{0, 0}, {1, 0}, {0, 1}, {1, 1}});
  CHECK(unfinished_trials(plan, 2, {}, {}) == all_trials(plan, 2));
}

TEST_CASE("outcomes stay, and what ended without one is run again") {
  const SweepPlan plan = two_cells();
  const auto is_left = [&](TrialOutcome outcome, std::int64_t num_trials, std::int64_t num_crashed,
                           RetryRules rules = {}) {
    const RunProgress::Pair pair = tried(plan, outcome, num_trials, num_crashed);
    const std::vector<TrialTask> left = unfinished_trials(plan, 2, {&pair, 1}, rules);
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
  CHECK(is_left(TrialOutcome::failed, 1, 1));
  CHECK(is_left(TrialOutcome::failed, 2, 2));
  CHECK_FALSE(is_left(TrialOutcome::failed, 3, 3));
  CHECK(is_left(TrialOutcome::failed, 3, 2));  // crashed, interrupted, crashed

  RetryRules failed_otherwise;
  failed_otherwise.last_crashed = [](const RunProgress::Pair&) { return false; };
  CHECK_FALSE(is_left(TrialOutcome::failed, 2, 1, failed_otherwise));
  RetryRules retry;
  retry.failed = true;
  CHECK(is_left(TrialOutcome::failed, 1, 0, retry));
  CHECK(is_left(TrialOutcome::failed, 3, 3, retry));
  CHECK(is_left(TrialOutcome::incorrect, 1, 0, retry));
  CHECK_FALSE(is_left(TrialOutcome::ok, 1, 0, retry));
}

}  // namespace
}  // namespace dsabench
