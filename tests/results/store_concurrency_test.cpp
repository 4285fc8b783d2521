#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <chrono>
#include <csignal>
#include <set>

#include "results/store.h"
#include "results/store/connection.h"
#include "tests/results/full_size.h"
#include "tests/results/random_records.h"
#include "tests/support/catch.h"
#include "tests/support/child_process.h"
#include "tests/support/error_message.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

using Mode = ResultStore::Mode;

constexpr int kWriters = 4;

std::int64_t trials_per_writer() { return full_size() ? 10'000 : 150; }

TrialRecord numbered_trial(const std::string& run_id, const std::string& cell_id,
                           std::int64_t repeat) {
  TrialRecord trial;
  trial.run_id = run_id;
  trial.cell_id = cell_id;
  trial.repeat = repeat;
  trial.process_id = getpid();
  trial.outcome = TrialOutcome::ok;
  trial.metrics = {{"prefill", "ns", "lower", std::vector<std::int64_t>(20, repeat)}};
  return trial;
}

/// Every trial has all its samples.
void check_samples(const RunResults& results) {
  for (const TrialRecord& trial : results.trials) {
    REQUIRE(trial.metrics.size() == 1);
    CHECK(trial.metrics[0].values == std::vector<std::int64_t>(20, trial.repeat));
  }
}
void check_sound(const std::string& path) {
  SQLite::Database db(path);
  CHECK(db.execAndGet("PRAGMA integrity_check").getString() == "ok");
  CHECK_FALSE(SQLite::Statement(db, "PRAGMA foreign_key_check").executeStep());
}

TEST_CASE("processes that create and write one file at once lose nothing") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::vector<RunRecord> runs;
  for (int i = 0; i < kWriters; ++i) runs.push_back(random_run(random));
  const auto plan = random_plan(random, 3);  // shared by all
  const std::int64_t num_trials = trials_per_writer();
  std::vector<pid_t> children;
  for (const RunRecord& run : runs) {
    children.push_back(start_child([&] {
      ResultStore store = ResultStore::open(path, Mode::read_write);
      store.add_run(run, plan);
      for (std::int64_t i = 0; i < num_trials; ++i) {
        store.add_trial(numbered_trial(
            run.run_id, plan[static_cast<std::size_t>(i) % plan.size()].cell.cell_id, i));
      }
      store.finish_run(run.run_id, "done", 1);
      return true;
    }));
  }
  for (const pid_t child : children) CHECK(wait_for(child) == 0);
  const ResultStore store = ResultStore::open(path, Mode::read_only);
  for (const RunRecord& run : runs) {
    const RunResults results = store.load_run(run.run_id);
    CHECK(results.run.status == "done");
    std::set<std::int64_t> repeats;
    for (const TrialRecord& trial : results.trials) repeats.insert(trial.repeat);
    CHECK(std::ssize(repeats) == num_trials);
    CHECK(std::ssize(results.trials) == num_trials);
    check_samples(results);
  }
  check_sound(path);
}

/// Called as SQLite begins a statement: makes the file a results database before the second one.
int create_in_between(unsigned, void* path, void*, void* sql) {
  if (std::string(static_cast<const char*>(sql)) == "PRAGMA user_version") {
    message_of<StoreError>([&] {
      ResultStore::open(*static_cast<const std::string*>(path), Mode::read_write,
                        std::chrono::milliseconds(20));
    });
  }
  return 0;
}

TEST_CASE("a file that becomes a database while it is looked at is never taken for a stranger's") {
  ScratchFolder folder;
  std::string path = folder / "a.db";
  SQLite::Database db(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  sqlite3_trace_v2(db.getHandle(), SQLITE_TRACE_STMT, create_in_between, &path);
  CHECK_NOTHROW(store::require_dsabench(store::read_identity(db), path, true));
  sqlite3_trace_v2(db.getHandle(), 0, nullptr, nullptr);
  ResultStore::open(path, Mode::read_write);
  CHECK_NOTHROW(store::require_dsabench(store::read_identity(db), path, false));
}

TEST_CASE("a killed trial is told from one that never began, and is a crash") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  RunRecord run = random_run(random);
  run.continuations.clear();
  run.mixed = false;
  const auto plan = random_plan(random, 3);
  ResultStore store = ResultStore::open(path, Mode::read_write);
  store.add_run(run, plan);
  HeldChild child([&](auto hold) {
    ResultStore other = ResultStore::open(path, Mode::read_write);
    other.begin_trial(run.run_id, plan[0].cell.cell_id, 0, 1);
    other.add_trial(numbered_trial(run.run_id, plan[0].cell.cell_id, 0));
    other.begin_trial(run.run_id, plan[1].cell.cell_id, 0, 2);
    hold();
  });

  // While it lives, its trial is nobody's to record.
  CHECK(store.record_crashes(run.run_id, 9).empty());
  REQUIRE(store.load_progress(run.run_id).running.size() == 1);
  Continuation next{7, "dsabench resume", run.machine_id, "{}", run.build_id, "{}"};
  CHECK(contains(message_of<StoreError>([&] { store.reopen_run(run.run_id, next); }),
                 std::to_string(child.id())));
  child.kill();
  // Not waited for yet: a process that has ended counts as gone even so.
  while (store.record_crashes(run.run_id, 9).empty()) usleep(1000);
  child.end();

  const RunProgress progress = store.load_progress(run.run_id.substr(0, 30));
  CHECK(progress.plan.size() == 3);
  CHECK(progress.running.empty());
  REQUIRE(progress.tried.size() == 2);  // the third cell was never begun
  CHECK(progress.tried[0].ok);
  CHECK(progress.tried[0].cell_id == plan[0].cell.cell_id);
  CHECK_FALSE(progress.tried[1].ok);
  CHECK(progress.tried[1].num_trials == 1);
  CHECK(progress.tried[1].num_crashed == 1);
  CHECK(progress.tried[1].last_outcome == TrialOutcome::failed);
  CHECK_FALSE(progress.tried[0].last_crashed);
  CHECK(progress.tried[1].last_crashed);
  CHECK(store.load_run(run.run_id).trials[1].started_ms == 2);

  TrialRecord next_trial = numbered_trial(run.run_id, plan[1].cell.cell_id, 0);
  next_trial.outcome = TrialOutcome::failed;
  next_trial.reason = "out of memory";
  store.add_trial(next_trial);
  auto again = store.load_progress(run.run_id).tried[1];
  CHECK(again.num_crashed == 1);
  CHECK_FALSE(again.last_crashed);

  store.begin_trial(run.run_id, plan[1].cell.cell_id, 0, 3);
  store.add_trial(numbered_trial(run.run_id, plan[1].cell.cell_id, 0));
  again = store.load_progress(run.run_id).tried[1];
  CHECK(again.ok);
  CHECK_FALSE(again.last_crashed);
  CHECK(again.num_trials == 3);
  CHECK(again.num_crashed == 1);
  CHECK(again.last_outcome == TrialOutcome::ok);
}

TEST_CASE("one process at a time has a run under way, between its trials too") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  RunRecord run = random_run(random);
  run.status = "running";
  const Continuation next{7, "dsabench resume", run.machine_id, "{}", run.build_id, "{}"};
  ResultStore store = ResultStore::open(path, Mode::read_write);
  const auto refused_for = [&](const HeldChild& child) {
    return store.claim_run(run.run_id) == child.id() &&
           contains(message_of<StoreError>([&] { store.reopen_run(run.run_id, next); }),
                    std::to_string(child.id()));
  };
  {
    HeldChild writer([&](auto hold) {
      ResultStore::open(path, Mode::read_write).add_run(run, {});
      hold();
    });
    CHECK(refused_for(writer));
    writer.kill();
    while (store.claim_run(run.run_id)) usleep(1000);  // not waited for yet, and gone
  }
  store.finish_run(run.run_id, "interrupted", 5);
  {
    HeldChild reopener([&](auto hold) {
      ResultStore::open(path, Mode::read_write).reopen_run(run.run_id, next);
      hold();
    });
    CHECK(refused_for(reopener));
  }
  CHECK_FALSE(store.claim_run(run.run_id));
  const auto others = [&](bool expected) {
    return succeeds_in_child([&] {
      return ResultStore::open(path, Mode::read_write).claim_run(run.run_id).has_value() ==
             expected;
    });
  };
  CHECK(others(true));  // this process has it
  CHECK_FALSE(store.claim_run(run.run_id));
  store.finish_run(run.run_id, "done", 6);
  CHECK(others(false));
}

TEST_CASE("a trial that crashed is of the machine and build that ran it") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  RunRecord run = random_run(random);
  run.status = "running";
  run.machine_id = "m1";
  run.build_id = "b1";
  run.continuations = {{100, "resume", "m2", "{}", "b1", "{}"},
                       {200, "resume", "m1", "{}", "b2", "{}"}};
  const auto plan = random_plan(random, 4);
  const std::vector<std::int64_t> begun = {99, 100, 199, 200};
  HeldChild child([&](auto hold) {
    ResultStore store = ResultStore::open(path, Mode::read_write);
    store.add_run(run, plan);
    for (std::size_t i = 0; i < begun.size(); ++i) {
      store.begin_trial(run.run_id, plan[i].cell.cell_id, 0, begun[i]);
    }
    hold();
  });
  child.end();
  ResultStore store = ResultStore::open(path, Mode::read_write);
  CHECK(store.record_crashes(run.run_id, 300).size() == 4);
  std::map<std::int64_t, std::pair<std::string, std::string>> makers;
  for (const TrialRecord& trial : store.load_run(run.run_id).trials) {
    makers[trial.started_ms] = {trial.machine_id, trial.build_id};
  }
  using Makers = std::pair<std::string, std::string>;
  CHECK(makers.at(99) == Makers("", ""));
  CHECK(makers.at(100) == Makers("m2", ""));
  CHECK(makers.at(199) == Makers("m2", ""));
  CHECK(makers.at(200) == Makers("", "b2"));
}

TEST_CASE("a live process is not the one that had its number in another boot or before") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  RunRecord run = random_run(random);
  run.status = "running";
  const auto plan = random_plan(random, 1);
  const HeldChild child([&](auto hold) {
    ResultStore store = ResultStore::open(path, Mode::read_write);
    store.add_run(run, plan);
    store.begin_trial(run.run_id, plan[0].cell.cell_id, 0, 1);
    hold();
  });
  const auto mark_as = [&](const std::string& change) {
    SQLite::Database db(path, SQLite::OPEN_READWRITE);
    for (const std::string table : {"run_process", "running_trial"}) {
      db.exec("UPDATE " + table + " SET " + change);
    }
  };
  ResultStore store = ResultStore::open(path, Mode::read_write);
  CHECK(store.claim_run(run.run_id) == child.id());
  CHECK(store.record_crashes(run.run_id, 9).empty());
  SECTION("another boot") { mark_as("boot_id = 'another'"); }
  SECTION("an earlier start") { mark_as("process_start = process_start - 1"); }
  CHECK_FALSE(store.claim_run(run.run_id));
  CHECK(store.record_crashes(run.run_id, 9).size() == 1);
}

TEST_CASE("a process stays itself whatever its name, and as it grows") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  const RunRecord run = random_run(random);
  const auto plan = random_plan(random, 2);
  ResultStore store = ResultStore::open(path, Mode::read_write);
  store.add_run(run, plan);
  const HeldChild child([&](auto hold) {
    prctl(PR_SET_NAME, "a) Z b");
    ResultStore::open(path, Mode::read_write).begin_trial(run.run_id, plan[0].cell.cell_id, 0, 1);
    hold();
  });
  store.begin_trial(run.run_id, plan[1].cell.cell_id, 0, 1);
  const std::vector<char> grown(256 << 20, 'x');
  CHECK(grown.back() == 'x');
  CHECK(store.record_crashes(run.run_id, 9).empty());
  CHECK(store.claim_run(run.run_id) == child.id());
}

TEST_CASE("a trial under way keeps others from its run") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  const RunRecord run = random_run(random);
  const auto plan = random_plan(random, 1);
  ResultStore store = ResultStore::open(path, Mode::read_write);
  store.add_run(run, plan);
  const HeldChild child([&](auto hold) {
    ResultStore::open(path, Mode::read_write).begin_trial(run.run_id, plan[0].cell.cell_id, 0, 1);
    hold();
  });
  CHECK(store.claim_run(run.run_id) == child.id());
}

TEST_CASE("a run that was finished before it was stored is under way nowhere") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  RunRecord run = random_run(random);
  run.status = "done";
  ResultStore::open(path, Mode::read_write).add_run(run, {});
  CHECK(succeeds_in_child(
      [&] { return !ResultStore::open(path, Mode::read_write).claim_run(run.run_id); }));
}

TEST_CASE("a run that is gone on with elsewhere is mixed") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  ResultStore store = ResultStore::open(folder / "a.db", Mode::read_write);
  RunRecord run = random_run(random);
  run.continuations.clear();
  run.mixed = false;
  store.add_run(run, {});
  store.finish_run(run.run_id, "interrupted", 5);
  Continuation here{7, "dsabench resume", run.machine_id, "{}", run.build_id, "{}"};
  store.reopen_run(run.run_id, here);
  RunRecord now = store.load_progress(run.run_id).run;
  CHECK(now.status == "running");
  CHECK(now.finished_ms == 0);
  CHECK_FALSE(now.mixed);
  Continuation there = here;
  there.machine_id += "x";
  store.reopen_run(run.run_id, there);
  store.reopen_run(run.run_id, here);
  now = store.load_progress(run.run_id).run;
  CHECK(now.mixed);
  REQUIRE(now.continuations.size() == 3);
  CHECK(now.continuations[1].machine_id == there.machine_id);
  CHECK_THROWS_AS(store.reopen_run("nothing", here), StoreError);
}

TEST_CASE("a killed writer leaves whole trials only") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  const RunRecord run = random_run(random);
  const auto plan = random_plan(random, 1);
  ResultStore::open(path, Mode::read_write).add_run(run, plan);
  std::int64_t next = 0;
  for (int round = 0; round < 5; ++round) {
    int reports[2];
    REQUIRE(pipe(reports) == 0);
    const pid_t child = start_child([&] {
      ResultStore store = ResultStore::open(path, Mode::read_write);
      for (std::int64_t i = next;; ++i) {
        store.add_trial(numbered_trial(run.run_id, plan[0].cell.cell_id, i));
        if (write(reports[1], &i, sizeof i) != sizeof i) return false;
      }
    });
    ::close(reports[1]);
    std::int64_t committed = -1, report = 0;
    const auto enough = next + random.integer(1, 60);
    while (committed < enough && read(reports[0], &report, sizeof report) == sizeof report) {
      committed = report;
    }
    kill(child, SIGKILL);
    const int status = wait_for(child);
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    while (read(reports[0], &report, sizeof report) == sizeof report) committed = report;
    ::close(reports[0]);

    const RunResults results = ResultStore::open(path, Mode::read_write).load_run(run.run_id);
    const auto stored = static_cast<std::int64_t>(results.trials.size());
    CHECK(committed >= enough);
    CHECK(stored >= committed + 1);  // at most the one in flight is there unreported
    CHECK(stored <= committed + 2);
    check_samples(results);
    check_sound(path);
    next = stored;
  }
}

}  // namespace
}  // namespace dsabench::test
