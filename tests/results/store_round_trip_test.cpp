#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>

#include "results/identity.h"
#include "results/store.h"
#include "tests/results/random_records.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

using Mode = ResultStore::Mode;

TEST_CASE("a run comes back as it was written") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "strange name %41 '?.db";
  for (int round = 0; round < 5; ++round) {
    const RunRecord run = random_run(random);
    const auto plan = random_plan(random, random.integer(0, 5));
    std::vector<TrialRecord> trials;
    {
      ResultStore store = ResultStore::open(path, Mode::read_write);
      store.add_run(run, plan);
      for (const PlannedCell& planned : plan) {
        for (int repeat = 0; repeat < 3; ++repeat) {
          trials.push_back(random_trial(random, run.run_id, planned.cell.cell_id, repeat));
          store.add_trial(trials.back());
        }
      }
    }
    const RunResults loaded = ResultStore::open(path, Mode::read_only).load_run(run.run_id);
    check_equal(loaded.run, run);
    check_equal(loaded.plan, plan);
    check_equal(loaded.trials, trials);
  }
}

TEST_CASE("a plan comes back in order, and its cells are shared between runs") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  ResultStore store = ResultStore::open(folder / "a.db", Mode::read_write);
  auto plan = random_plan(random, 6);
  const RunRecord first = random_run(random), second = random_run(random);
  store.add_run(first, plan);
  auto reversed = plan;
  std::reverse(reversed.begin(), reversed.end());
  for (std::size_t i = 0; i < reversed.size(); ++i) {
    reversed[i].position = static_cast<std::int64_t>(i);
    reversed[i].nominal_retention = "asked otherwise";
  }
  store.add_run(second, reversed);
  check_equal(store.load_run(first.run_id).plan, plan);
  check_equal(store.load_run(second.run_id).plan, reversed);
}

TEST_CASE("contradictions are refused whole") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  ResultStore store = ResultStore::open(path, Mode::read_write);
  const RunRecord run = random_run(random);
  auto plan = random_plan(random, 2);
  store.add_run(run, plan);

  SECTION("a run twice") {
    const auto message = message_of<StoreError>([&] { store.add_run(run, {}); });
    CHECK(contains(message, path));
    CHECK(contains(message, run.run_id));
  }
  SECTION("one cell id with two canonical forms") {
    const RunRecord other = random_run(random);
    plan[1].cell.canonical_json += "x";
    const auto message = message_of<StoreError>([&] { store.add_run(other, plan); });
    CHECK(contains(message, plan[1].cell.cell_id));
    CHECK(store.list_runs().size() == 1);
  }
  SECTION("a trial of a cell that is not planned leaves nothing") {
    TrialRecord trial = random_trial(random, run.run_id, "no such cell", 0);
    CHECK_THROWS_AS(store.add_trial(trial), StoreError);
    CHECK(store.load_run(run.run_id).trials.empty());
  }
  SECTION("an ok repeat twice; a failed one may be tried again") {
    TrialRecord trial = random_trial(random, run.run_id, plan[0].cell.cell_id, 7);
    trial.outcome = TrialOutcome::failed;
    store.add_trial(trial);
    trial.outcome = TrialOutcome::ok;
    store.add_trial(trial);
    CHECK_THROWS_AS(store.add_trial(trial), StoreError);
    CHECK(store.load_run(run.run_id).trials.size() == 2);
  }
  SECTION("a metric twice in one trial") {
    TrialRecord trial = random_trial(random, run.run_id, plan[0].cell.cell_id, 0);
    trial.metrics = {{"prefill", "ns", "lower", {1}}, {"prefill", "ns", "lower", {2}}};
    CHECK_THROWS_AS(store.add_trial(trial), StoreError);
    CHECK(store.load_run(run.run_id).trials.empty());
  }
  SECTION("finishing a run that is not there") {
    CHECK_THROWS_AS(store.finish_run("nothing", "done", 1), StoreError);
  }
}

TEST_CASE("runs are listed newest first and found by a unique prefix") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  ResultStore store = ResultStore::open(folder / "a.db", Mode::read_write);
  for (const char* id : {"0190-a", "0190-b", "0191-%", "0190-b2"}) {
    RunRecord run = random_run(random);
    run.run_id = id;
    run.started_ms = id[3] == '1' ? 5 : 9;
    store.add_run(run, {});
  }
  const auto runs = store.list_runs();
  REQUIRE(runs.size() == 4);
  CHECK(runs[0].run_id == "0190-b2");
  CHECK(runs[3].run_id == "0191-%");
  CHECK(store.load_run("0191").run.run_id == "0191-%");
  CHECK(store.load_run("0190-b").run.run_id == "0190-b");  // whole ids win over prefixes
  const auto several = message_of<InvalidArgument>([&] { store.load_run("0190"); });
  CHECK(contains(several, "0190-a"));
  CHECK(contains(several, "0190-b2"));
  CHECK_THROWS_AS(store.load_run("%"), InvalidArgument);
  CHECK_THROWS_AS(store.load_run("019_"), InvalidArgument);
  store.finish_run("0190-a", "done", 77);
  CHECK(store.load_run("0190-a").run.status == "done");
  CHECK(store.load_run("0190-a").run.finished_ms == 77);
}

TEST_CASE("patterns are listed with the number of their cells") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  ResultStore store = ResultStore::open(folder / "a.db", Mode::read_write);
  auto plan = random_plan(random, 3);
  for (auto& planned : plan) {
    planned.cell.pattern = "FSFS";
    planned.pattern_origin = "uniform";
  }
  plan[2].cell.pattern = "FSSS";
  store.add_run(random_run(random), plan);
  store.add_run(random_run(random), plan);
  const auto uses = store.list_patterns();
  REQUIRE(uses.size() == 2);
  CHECK(uses[0].pattern == "FSFS");
  CHECK(uses[0].origin == "uniform");
  CHECK(uses[0].num_cells == 2);
  CHECK(uses[1].pattern == "FSSS");
  CHECK(uses[1].num_cells == 1);
}

TEST_CASE("the views answer in plain SQL") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  const RunRecord run = random_run(random);
  const auto plan = random_plan(random, 2);
  {
    ResultStore store = ResultStore::open(path, Mode::read_write);
    store.add_run(run, plan);
    for (int cell = 0; cell < 2; ++cell) {
      TrialRecord trial;
      trial.run_id = run.run_id;
      trial.cell_id = plan[static_cast<std::size_t>(cell)].cell.cell_id;
      trial.outcome = TrialOutcome::ok;
      trial.metrics = {{"prefill", "ns", "lower", {4'000'000, 1'000'000, 9'000'000}},
                       {"cache_bytes", "bytes", "exact", {1}}};
      trial.answers = {{"i", "t", "h", 1, 1, "x", "stop", 0.5},
                       {"j", "t", "h", 1, 1, "x", "stop", 1}};
      store.add_trial(trial);
      trial.repeat = 1;
      trial.metrics[0].values = {2'000'000};
      store.add_trial(trial);
    }
    TrialRecord wrong;
    wrong.run_id = run.run_id;
    wrong.cell_id = plan[1].cell.cell_id;
    wrong.repeat = 2;
    wrong.outcome = TrialOutcome::incorrect;
    store.add_trial(wrong);
  }
  SQLite::Database db(path);
  SQLite::Statement speed(db, "SELECT cell_id, metric, samples, median_ms, minimum_ms FROM speed");
  REQUIRE(speed.executeStep());
  CHECK(speed.getColumn(0).getString() == plan[0].cell.cell_id);
  CHECK(speed.getColumn(1).getString() == "prefill");
  CHECK(speed.getColumn(2).getInt() == 4);
  CHECK(speed.getColumn(3).getDouble() == 3.0);
  CHECK(speed.getColumn(4).getDouble() == 1.0);
  CHECK_FALSE(speed.executeStep());
  SQLite::Statement accuracy(db, "SELECT cell_id, items, answers, score FROM accuracy");
  REQUIRE(accuracy.executeStep());
  CHECK(accuracy.getColumn(0).getString() == plan[0].cell.cell_id);
  CHECK(accuracy.getColumn(1).getInt() == 2);
  CHECK(accuracy.getColumn(2).getInt() == 4);
  CHECK(accuracy.getColumn(3).getDouble() == 75.0);
  CHECK_FALSE(accuracy.executeStep());
}

TEST_CASE("outcome names parse back, others are refused") {
  for (int i = 0; i < 5; ++i) {
    const auto outcome = static_cast<TrialOutcome>(i);
    CHECK(parse_trial_outcome(trial_outcome_name(outcome)) == outcome);
  }
  CHECK_THROWS_AS(parse_trial_outcome("OK"), InvalidArgument);
}

TEST_CASE("run ids are UUIDv7 and sort by time") {
  const std::string first = new_run_id();
  usleep(2000);
  const std::string second = new_run_id();
  CHECK(first.size() == 36);
  CHECK(first[14] == '7');
  CHECK(std::string("89ab").find(first[19]) != std::string::npos);
  CHECK(first < second);
  CHECK(content_hash("") == "99aa06d3014798d86001c324468d497f");  // published XXH3-128 of nothing
}

}  // namespace
}  // namespace dsabench::test
