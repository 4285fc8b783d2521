/// A run that may take so long and no longer, and goes on later.
#include "harness/run/time_limit.h"

#include "harness/plan/value_lists.h"
#include "harness/plan/work_estimate.h"
#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using test::contains;
using test::ScratchFolder;

Cell cell_of(std::int64_t context) {
  Cell cell;
  cell.suite = "speed";
  cell.pattern = "FSF";
  cell.context_tokens = context;
  return cell;
}

TEST_CASE("a trial is begun where its expected cost fits, and the first one always") {
  const ModelConfig config = resolve_model_config(test::tiny_request());
  double elapsed = 1000;
  TimeLimit limit(
      100, [&elapsed] { return elapsed; }, CostHistory(config));
  CHECK_FALSE(limit.refusal(cell_of(64)));
  limit.add(cell_of(64), {30}, true);

  elapsed = 69;
  CHECK_FALSE(limit.refusal(cell_of(64)));
  elapsed = 71;
  const std::optional<std::string> refusal = limit.refusal(cell_of(64));
  REQUIRE(refusal);
  CHECK(contains(*refusal, "29.0 s are left of 100.0"));
  CHECK(contains(*refusal, "expected to take 30.0 s (1 trial)"));
  // A longer context is scaled from it, and a decode cell of unknown cost.
  CHECK_FALSE(limit.refusal(cell_of(8)));
  elapsed = 10;
  CHECK(contains(limit.refusal(cell_of(6400)).value_or(""), "scaled from"));
  Cell decode = cell_of(64);
  decode.phase = Phase::decode;
  elapsed = 99;
  CHECK_FALSE(limit.refusal(decode));
  elapsed = 100;
  CHECK(contains(limit.refusal(decode).value_or(""), "unknown cost"));
}

TEST_CASE("a decode trial's time goes with its prompts, a shared one counted once") {
  const ModelConfig config = resolve_model_config(test::tiny_request());
  Cell one = cell_of(1000);
  one.phase = Phase::decode;
  one.decode_tokens = 4;
  Cell full = one, distinct = one;
  full.batch = distinct.batch = 100;
  full.prompts = kOnePrompt;
  const double single = estimate_trial_flops(config, one);
  CHECK(single > 10 * estimate_flops(config, one));
  CHECK(estimate_trial_flops(config, full) < 2 * single);
  CHECK(estimate_trial_flops(config, full) > single);
  CHECK(estimate_trial_flops(config, distinct) > 90 * single);
  Cell prefill = cell_of(1000);
  CHECK(estimate_trial_flops(config, prefill) == estimate_flops(config, prefill));

  CostHistory history(config);
  history.add(one, {10});
  CHECK(history.of(full).seconds.value_or(0) < 20);
}

TEST_CASE("what a failed trial took is expected of none") {
  const ModelConfig config = resolve_model_config(test::tiny_request());
  TimeLimit limit(
      100, [] { return 99.0; }, CostHistory(config));
  limit.add(cell_of(64), {30}, false);
  CHECK_FALSE(limit.refusal(cell_of(64)));
  limit.add(cell_of(64), {30}, true);
  CHECK(limit.refusal(cell_of(64)));
}

TEST_CASE("times are numbers with a unit") {
  CHECK(parse_duration("--x", "90s") == 90);
  CHECK(parse_duration("--x", "9m") == 540);
  CHECK(parse_duration("--x", " 1.5h") == 5400);
  CHECK(parse_duration("--x", "0.001s") == 0.001);
  for (const char* text :
       {"", "9", "m", "-1s", "0s", "1e3s", "nans", "infs", "9 m", "9ms", "9m9"}) {
    CAPTURE(text);
    const std::string message =
        test::message_of<InvalidArgument>([&] { parse_duration("--x", text); });
    CHECK(contains(message, "--x: expected a time such as 90s, 9m or 1.5h"));
  }
}

TEST_CASE("commands under a limit get through a run, one trial at least at a time") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  const CliResult first = call_cli(test::with_tiny_model(
      "run", {"--db", db, "--context", "64", "--retention", "1,1/3", "--phase", "prefill",
              "--min-samples", "1", "--max-samples", "1", "--max-warmups", "1", "--progress",
              "plain", "--time-limit", "0.0001s"}));
  CAPTURE(first.err);
  CHECK(first.code == 3);
  CHECK(contains(first.err, "time limit: 0.0 s are left"));
  CHECK(contains(first.err, "to go on: dsabench resume "));
  CHECK(contains(first.err, "--time-limit 0.0001s"));
  CHECK(contains(first.out, "not run"));
  CHECK(contains(call_cli({"list", "runs", "--db", db}).out, "interrupted"));
  const std::vector<std::string> resume = {"resume",     "last",  "--db",         db,
                                           "--progress", "plain", "--time-limit", "0.0001s"};
  CHECK(call_cli(resume).code == 0);
  CHECK(contains(call_cli({"list", "runs", "--db", db}).out, "done"));
  CHECK(call_cli(resume).code == 0);
}

}  // namespace
}  // namespace dsabench
