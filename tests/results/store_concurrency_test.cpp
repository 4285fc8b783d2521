#include <SQLiteCpp/SQLiteCpp.h>

#include <csignal>
#include <set>

#include "results/store.h"
#include "tests/results/random_records.h"
#include "tests/results/scratch_files.h"

namespace dsabench::test {
namespace {

using Mode = ResultStore::Mode;

constexpr int kWriters = 4;
constexpr std::int64_t kTrialsPerWriter = 150;

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

/// Every trial has all its samples, and the file is sound.
void check_whole(const std::string& path, const RunResults& results) {
  for (const TrialRecord& trial : results.trials) {
    REQUIRE(trial.metrics.size() == 1);
    CHECK(trial.metrics[0].values == std::vector<std::int64_t>(20, trial.repeat));
  }
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
  std::vector<pid_t> children;
  for (const RunRecord& run : runs) {
    children.push_back(start_child([&] {
      ResultStore store = ResultStore::open(path, Mode::read_write);
      store.add_run(run, plan);
      for (std::int64_t i = 0; i < kTrialsPerWriter; ++i) {
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
    CHECK(repeats.size() == kTrialsPerWriter);
    CHECK(results.trials.size() == kTrialsPerWriter);
    check_whole(path, results);
  }
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
    close(reports[1]);
    std::int64_t committed = -1, report = 0;
    const auto enough = next + random.integer(1, 60);
    while (committed < enough && read(reports[0], &report, sizeof report) == sizeof report) {
      committed = report;
    }
    kill(child, SIGKILL);
    const int status = wait_for(child);
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    while (read(reports[0], &report, sizeof report) == sizeof report) committed = report;
    close(reports[0]);

    const RunResults results = ResultStore::open(path, Mode::read_write).load_run(run.run_id);
    const auto stored = static_cast<std::int64_t>(results.trials.size());
    CHECK(committed >= enough);
    CHECK(stored >= committed + 1);  // at most the one in flight is there unreported
    CHECK(stored <= committed + 2);
    check_whole(path, results);
    next = stored;
  }
}

}  // namespace
}  // namespace dsabench::test
