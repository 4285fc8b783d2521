/// `resume` from the command line: what it goes on with, and what it refuses.
#include <csignal>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/run/resume_check.h"
#include "harness/run/runner.h"
#include "results/identity.h"
#include "results/maintenance.h"
#include "results/store/connection.h"
#include "tests/harness/cli_calls.h"
#include "tests/support/child_process.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using test::contains;
using test::ScratchFolder;
using test::with_tiny_model;

/// Four trials in a database of their own.
class StoppedRun {
 public:
  /// Stops after `num_trials` trials.
  explicit StoppedRun(int num_trials, const std::vector<std::string>& more = {}) {
    CliSeams seams = test::quick_seams();
    int started = 0;
    seams.engine_factory = [&](const LoadedModel& model, const PlanEntry& entry) {
      if (++started == num_trials) std::raise(SIGINT);
      return make_engine(model, entry);
    };
    std::vector<std::string> arguments = with_tiny_model(
        "run", {"--db", db(), "--context", "64", "--retention", "1,1/3", "--min-samples", "2",
                "--max-samples", "2", "--decode-tokens", "2", "--progress", "plain"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CliResult result = call_cli(arguments, seams);
    CAPTURE(result.err);
    REQUIRE(result.code == 130);
    CHECK(contains(result.err, "dsabench resume "));
    CHECK(load().trials.size() == static_cast<std::size_t>(num_trials));
  }

  std::string db() const { return folder_ / "runs.db"; }
  RunResults load() const {
    const ResultStore store = ResultStore::open(db(), ResultStore::Mode::read_only);
    return store.load_run(store.list_runs().at(0).run_id);
  }
  ResultStore open() const { return ResultStore::open(db(), ResultStore::Mode::read_write); }
  /// Changes the stored run behind the tool's back.
  void execute(const std::string& sql) const {
    SQLite::Database raw(db(), SQLite::OPEN_READWRITE);
    raw.exec(sql);
  }
  CliResult resume(const std::vector<std::string>& more = {},
                   const CliSeams& seams = test::quick_seams()) const {
    std::vector<std::string> arguments = {"resume", "last", "--db", db(), "--progress", "plain"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return call_cli(arguments, seams);
  }

 private:
  ScratchFolder folder_;
};

void set_hashed(const StoppedRun& run, const std::string& name, const std::string& json) {
  run.execute(fmt::format("UPDATE run SET {0}_json = '{1}', {0}_id = '{2}'", name, json,
                          content_hash(json)));
}

TEST_CASE("a resumed run has the trials of an uninterrupted one") {
  const StoppedRun run(1, {"--repeat", "2"});
  const CliResult result = run.resume();
  CAPTURE(result.err);
  CHECK(result.code == 0);
  CHECK(contains(result.err, "[2/8]"));
  CHECK(contains(result.err, "[8/8]"));
  CHECK_FALSE(contains(result.err, "[1/8]"));
  CHECK(contains(result.err, "8 ok"));
  CHECK(contains(result.out, "## Speed"));
  const RunResults after = run.load();
  CHECK(after.run.status == "done");
  CHECK_FALSE(after.run.mixed);
  REQUIRE(after.run.continuations.size() == 1);
  CHECK(contains(after.run.continuations[0].command_line, "resume last"));
  REQUIRE(after.trials.size() == 8);
  std::set<std::pair<std::string, std::int64_t>> pairs;
  for (const TrialRecord& trial : after.trials) {
    CHECK(trial.outcome == TrialOutcome::ok);
    CHECK(trial.machine_id.empty());
    pairs.insert({trial.cell_id, trial.repeat});
  }
  CHECK(pairs.size() == 8);
  CHECK(check_database(run.db()).clean());

  const CliResult again = run.resume();
  CHECK(again.code == 0);
  CHECK(contains(again.err, "nothing left to do"));
  CHECK_FALSE(contains(again.err, "loading"));
  CHECK(again.out == result.out);
  CHECK(run.load().trials.size() == 8);
}

TEST_CASE("a prefix of its id names a run, and last~N the runs before") {
  const StoppedRun run(3);
  const std::string id = run.load().run.run_id;
  CHECK(call_cli({"resume", id.substr(0, 13), "--db", run.db()}).code == 0);
  CHECK(call_cli({"resume", "last~0", "--db", run.db()}).code == 0);
  for (const char* name : {"last~1", "last~", "last~x", "lastly", "ffff"}) {
    const CliResult result = call_cli({"resume", name, "--db", run.db()});
    CAPTURE(name, result.err);
    CHECK(result.code == 2);
    CHECK(test::is_error_line(result.err, name));
  }
}

TEST_CASE("resume makes no database where there is none") {
  const ScratchFolder folder;
  const CliResult result = call_cli({"resume", "last", "--db", folder / "runs.db"});
  CHECK(result.code == 8);
  CHECK(test::is_error_line(result.err, "there is no such file"));
  CHECK_FALSE(std::filesystem::exists(folder / "runs.db"));
}

TEST_CASE("another machine, build, model or plan is refused, each with what differs") {
  const StoppedRun run(1);
  const RunRecord stored = run.load().run;
  nlohmann::json machine = nlohmann::json::parse(stored.machine_json);
  machine["threads"] = 1234;
  machine["variables"]["OMP_PLACES"] = "elsewhere";
  nlohmann::json build = nlohmann::json::parse(stored.build_json);
  build["git_commit"] = "abcdef";
  nlohmann::json model = nlohmann::json::parse(stored.model_json);
  model["weights"] = "other-weights";

  set_hashed(run, "machine", machine.dump());
  CliResult result = run.resume();
  CAPTURE(result.err);
  CHECK(result.code == 2);
  CHECK(contains(result.err, "machine ("));
  CHECK(contains(result.err, "threads: 1234 in the run, "));
  CHECK(contains(result.err, "variables.OMP_PLACES: \"elsewhere\" in the run, null here"));
  CHECK(contains(result.err, "--new-machine"));
  CHECK_FALSE(contains(result.err, "build ("));

  set_hashed(run, "build", build.dump());
  set_hashed(run, "model", model.dump());
  result = run.resume({"--new-machine"});
  CHECK(result.code == 2);
  CHECK(contains(result.err, "model (weights: \"other-weights\" in the run, "));
  CHECK_FALSE(contains(result.err, "build ("));
  CHECK_FALSE(contains(result.err, "--new-machine"));
  result = run.resume();
  CHECK(result.code == 2);
  for (const char* part : {"machine (", "build (git_commit: \"abcdef\"", "model ("}) {
    CHECK(contains(result.err, part));
  }
  CHECK(run.load().trials.size() == 1);
  CHECK(run.load().run.status == "interrupted");
}

TEST_CASE("a plan that is not the stored one is refused") {
  const StoppedRun run(1);
  nlohmann::json plan = nlohmann::json::parse(run.load().run.plan_json);
  plan["repeat"] = 7;
  run.execute(fmt::format("UPDATE run SET plan_json = '{}'", plan.dump()));
  CliResult result = run.resume();
  CHECK(result.code == 2);
  CHECK(contains(result.err, "plan ("));
  plan["repeat"] = 1;
  plan["cells"].erase(3);
  set_hashed(run, "plan", plan.dump());
  result = run.resume({"--new-machine"});
  CHECK(result.code == 2);
  CHECK(contains(result.err, "its cells are not those"));
  run.execute("UPDATE run SET plan_json = '', plan_id = ''");
  result = run.resume();
  CHECK(result.code == 2);
  CHECK(contains(result.err, "before runs kept their plan"));
}

TEST_CASE("on a new machine unfinished trials are run, and the run is mixed") {
  const StoppedRun run(2);
  nlohmann::json machine = nlohmann::json::parse(run.load().run.machine_json);
  machine["threads"] = 1234;
  set_hashed(run, "machine", machine.dump());
  CHECK(run.resume().code == 2);
  const CliResult result = run.resume({"--new-machine"});
  CAPTURE(result.err);
  CHECK(result.code == 0);
  const RunResults after = run.load();
  CHECK(after.run.mixed);
  REQUIRE(after.trials.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(after.trials[i].machine_id.empty() == (i < 2));
    CHECK(after.trials[i].build_id.empty());
  }
  CHECK(after.trials[2].machine_id == machine_identity().id);
  CHECK(check_database(run.db()).clean());
  CHECK(contains(call_cli({"list", "runs", "--db", run.db()}).out, "mixed"));
}

TEST_CASE("a crashed trial is tried twice more, and then stays failed") {
  const StoppedRun run(3);
  const RunResults before = run.load();
  const std::string cell = before.plan[3].cell.cell_id;
  const auto crash = [&] {
    const std::string id = before.run.run_id, db = run.db();
    CHECK(test::succeeds_in_child([id, db, cell] {
      ResultStore store = ResultStore::open(db, ResultStore::Mode::read_write);
      store.begin_trial(id, cell, 0, 1);
      return true;
    }));
  };
  for (int crashes = 1; crashes <= 3; ++crashes) {
    crash();
    // Settled without being run: the engine factory is interrupted by a second crash.
    ResultStore store = run.open();
    CHECK(store.record_crashes(before.run.run_id, 2).size() == 1);
  }
  CliResult result = run.resume();
  CAPTURE(result.err);
  CHECK(result.code == 5);
  CHECK(contains(result.err, "nothing left to do"));
  CHECK(contains(result.out, "crash"));
  result = run.resume({"--retry-failed"});
  CHECK(result.code == 0);
  CHECK(run.load().trials.size() == 7);
  CHECK(check_database(run.db()).clean());
}

TEST_CASE("a crash is noted and its trial run again") {
  const StoppedRun run(3);
  const RunResults before = run.load();
  const std::string cell = before.plan[3].cell.cell_id, id = before.run.run_id, db = run.db();
  CHECK(test::succeeds_in_child([&] {
    ResultStore store = ResultStore::open(db, ResultStore::Mode::read_write);
    store.begin_trial(id, cell, 0, 1);
    return true;
  }));
  const CliResult result = run.resume();
  CHECK(result.code == 0);
  CHECK(contains(result.err, "1 trial ended with its process"));
  const RunResults after = run.load();
  REQUIRE(after.trials.size() == 5);
  std::int64_t num_crashed = 0, num_ok = 0;
  for (const TrialRecord& trial : after.trials) {
    num_crashed += trial.reason == kCrashReason ? 1 : 0;
    num_ok += trial.outcome == TrialOutcome::ok ? 1 : 0;
  }
  CHECK(num_crashed == 1);
  CHECK(num_ok == 4);
}

TEST_CASE("a run that a live process has under way is refused") {
  const StoppedRun run(1);
  const RunResults before = run.load();
  const test::HeldChild child([&](auto hold) {
    ResultStore store = ResultStore::open(run.db(), ResultStore::Mode::read_write);
    store.begin_trial(before.run.run_id, before.plan[1].cell.cell_id, 0, 1);
    hold();
  });
  const CliResult result = run.resume();
  CHECK(result.code == 2);
  CHECK(contains(result.err, std::to_string(child.id())));
  CHECK(run.load().trials.size() == 1);
}

TEST_CASE("a run is refused at once while another process is between two trials of it") {
  const StoppedRun run(1);
  const RunRecord before = run.load().run;
  test::HeldChild other([&](auto hold) {
    run.open().reopen_run(
        before.run_id, {1, "dsabench resume last", before.machine_id, "{}", before.build_id, "{}"});
    hold();
  });
  const CliResult result = run.resume();
  CHECK(result.code == 2);
  CHECK(contains(result.err, "is being run by process " + std::to_string(other.id())));
  CHECK_FALSE(contains(result.err, "loading"));
  CHECK(run.load().run.continuations.size() == 1);
  other.end();
  CHECK(run.resume().code == 0);
  CHECK(run.load().trials.size() == 4);
}

TEST_CASE("failed trials are outcomes, unless they are to be run again") {
  const StoppedRun run(3);
  CliSeams no_memory = test::quick_seams();
  no_memory.engine_factory = [](const LoadedModel&, const PlanEntry&) -> std::unique_ptr<Engine> {
    throw OutOfMemory("no 99 bytes", 99);
  };
  CHECK(run.resume({}, no_memory).code == 5);
  CHECK(run.load().trials.size() == 4);
  const CliResult stays = run.resume();
  CHECK(stays.code == 5);
  CHECK(contains(stays.err, "nothing left to do"));
  CHECK(run.load().trials.size() == 4);
  const CliResult retried = run.resume({"--retry-failed"});
  CHECK(retried.code == 0);
  CHECK(run.load().trials.size() == 5);
}

TEST_CASE("differences are named on every level, and on either side") {
  RunRecord run;
  run.machine_id = "1";
  run.machine_json = R"({"a":{"b":{"c":1}},"gone":2,"same":3})";
  const ResumeHere here{{"2", R"({"a":{"b":{"c":4}},"new":5,"same":3})"}, {}, {}, {}, {}};
  const std::string message =
      test::message_of<InvalidArgument>([&] { check_resumable(run, here, false); });
  CAPTURE(message);
  CHECK(contains(message, "a.b.c: 1 in the run, 4 here"));
  CHECK(contains(message, "gone: 2 in the run, null here"));
  CHECK(contains(message, "new: null in the run, 5 here"));
  CHECK_FALSE(contains(message, "same"));
}

TEST_CASE("only the same machine and build pass without leave") {
  RunRecord run;
  run.machine_id = run.build_id = run.model_id = "1";
  run.machine_json = "not json";
  ResumeHere here{{"1", "{}"}, {"1", "{}"}, "1", "{}", ""};
  CHECK_NOTHROW(check_resumable(run, here, false));
  here.build.id = "2";
  CHECK_THROWS_AS(check_resumable(run, here, false), InvalidArgument);
  CHECK_NOTHROW(check_resumable(run, here, true));
  here.plan_difference = "other cells";
  CHECK_THROWS_AS(check_resumable(run, here, true), InvalidArgument);
  here.plan_difference.clear();
  here.model_id = "2";
  CHECK_THROWS_AS(check_resumable(run, here, true), InvalidArgument);
}

}  // namespace
}  // namespace dsabench
