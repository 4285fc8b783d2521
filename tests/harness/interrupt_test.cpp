#include "harness/run/interrupt.h"

#include <csignal>

#include "tests/harness/cli_calls.h"
#include "tests/support/child_process.h"

namespace dsabench {
namespace {

TEST_CASE("the first signal is noted and the old handler comes back") {
  CHECK(test::succeeds_in_child([] {
    std::signal(SIGINT, SIG_IGN);
    {
      const InterruptGuard guard;
      if (guard.interrupted()) return false;
      std::raise(SIGINT);
      if (!guard.interrupted()) return false;
    }
    return std::signal(SIGINT, SIG_DFL) == SIG_IGN;
  }));
}

TEST_CASE("the second signal ends the process at once") {
  const int status = test::wait_for(test::start_child([] {
    const InterruptGuard guard;
    std::raise(SIGINT);
    std::raise(SIGTERM);
    return true;
  }));
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
}

TEST_CASE("there is one guard at a time") {
  const InterruptGuard guard;
  CHECK_THROWS_AS(InterruptGuard(), InvalidArgument);
}

TEST_CASE("Ctrl-C in a run keeps the finished trial and exits with 130") {
  const test::ScratchFolder folder;
  CliSeams seams = test::quick_seams();
  seams.engine_factory = [](const LoadedModel& model, const PlanEntry& entry) {
    std::raise(SIGINT);
    return make_engine(model, entry);
  };
  const test::CliResult result =
      test::call_cli(test::with_tiny_model("run", {"--db", folder / "runs.db", "--context", "64",
                                                   "--retention", "1,1/3", "--max-samples", "5"}),
                     seams);
  CHECK(result.code == 130);
  CHECK(test::contains(result.out, "not complete: interrupted"));
  const ResultStore store = ResultStore::open(folder / "runs.db", ResultStore::Mode::read_only);
  const RunResults results = store.load_run(store.list_runs().at(0).run_id);
  CHECK(results.run.status == "interrupted");
  REQUIRE(results.trials.size() == 1);
  CHECK(results.trials[0].outcome == TrialOutcome::ok);
}

}  // namespace
}  // namespace dsabench
