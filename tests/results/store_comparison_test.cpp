/// Comparisons and baselines in the database: whole, and carried by exports.
#include <SQLiteCpp/SQLiteCpp.h>

#include <sstream>

#include "results/maintenance.h"
#include "tests/results/fixture_files.h"
#include "tests/results/fixture_run.h"
#include "tests/results/random_records.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

using Mode = ResultStore::Mode;

/// A database of one process: a run of some cells with their trials.
RunResults write_scratch(Random& random, const std::string& path) {
  std::filesystem::remove(path);
  RunResults made{random_run(random), random_plan(random, random.integer(0, 3)), {}};
  ResultStore store = ResultStore::open(path, Mode::read_write);
  store.add_run(made.run, made.plan);
  for (const PlannedCell& planned : made.plan) {
    made.trials.push_back(random_trial(random, made.run.run_id, planned.cell.cell_id, 0));
    store.add_trial(made.trials.back());
  }
  return made;
}

/// A comparison of some rounds, as it was written, with its runs in order.
struct StoredComparison {
  ComparisonRecord record;
  std::vector<RunResults> runs;
};
StoredComparison write_comparison(Random& random, const std::string& path,
                                  const ScratchFolder& folder) {
  StoredComparison made{random_comparison(random), {}};
  ResultStore store = ResultStore::open(path, Mode::read_write);
  store.add_comparison(made.record);
  const std::string scratch = folder / "scratch.db";
  std::vector<Arm> order = {Arm::base, Arm::twin, Arm::candidate};
  for (std::int64_t round = 0, rounds = random.integer(1, 3); round < rounds; ++round) {
    std::rotate(order.begin(), order.begin() + random.integer(0, 2), order.end());
    for (std::int64_t place = 0; place < 3; ++place) {
      const RunResults run = write_scratch(random, scratch);
      ComparisonSample sample{round, place, order[static_cast<std::size_t>(place)], ""};
      sample.run_id = store.add_comparison_sample(made.record.comparison_id, sample, scratch);
      CHECK(sample.run_id == run.run.run_id);
      made.record.samples.push_back(sample);
      made.runs.push_back(run);
    }
  }
  return made;
}

void check_runs(const ResultStore& store, const std::vector<RunResults>& runs) {
  for (const RunResults& expected : runs) {
    const RunResults actual = store.load_run(expected.run.run_id);
    check_equal(actual.run, expected.run);
    check_equal(actual.plan, expected.plan);
    check_equal(actual.trials, expected.trials);
  }
}

ImportReport import_comparisons(const std::string& text, const std::string& path) {
  std::istringstream in(text);
  return import_database(in, "export.jsonl", path);
}

TEST_CASE("comparisons come back as they were written, with their runs") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::vector<StoredComparison> made;
  for (int i = 0; i < 4; ++i) made.push_back(write_comparison(random, path, folder));
  ResultStore store = ResultStore::open(path, Mode::read_write);
  for (const StoredComparison& one : made) {
    check_equal(store.load_comparison(one.record.comparison_id), one.record);
    check_runs(store, one.runs);
  }
  auto newest_first = made;
  std::sort(newest_first.begin(), newest_first.end(), [](const auto& a, const auto& b) {
    return std::tie(a.record.started_ms, a.record.comparison_id) >
           std::tie(b.record.started_ms, b.record.comparison_id);
  });
  const auto listed = store.list_comparisons();
  REQUIRE(listed.size() == made.size());
  for (std::size_t i = 0; i < listed.size(); ++i) check_equal(listed[i], newest_first[i].record);
  check_equal(store.load_comparison("last"), newest_first[0].record);

  ComparisonRecord finished = made[1].record;
  store.finish_comparison(finished.comparison_id, "interrupted", 1234);
  finished.status = "interrupted";
  finished.finished_ms = 1234;
  check_equal(store.load_comparison(finished.comparison_id), finished);
  CHECK_THROWS_AS(store.finish_comparison("nothing", "done", 1), StoreError);
  CHECK(contains(message_of<InvalidArgument>([&] { store.load_comparison("nothing"); }),
                 "no such comparison"));
  CHECK(contains(message_of<InvalidArgument>([&] { store.load_comparison("0"); }),
                 "several comparisons"));
}

TEST_CASE("a database without comparisons says so") {
  const ScratchFolder folder;
  const ResultStore store = ResultStore::open(folder / "a.db", Mode::read_write);
  CHECK(store.list_comparisons().empty());
  CHECK(contains(message_of<InvalidArgument>([&] { store.load_comparison("last"); }),
                 "no comparisons"));
}

TEST_CASE("a sample comes over from the database of an older build") {
  const ScratchFolder folder;
  const std::string scratch = folder / "scratch.db";
  const int schema = GENERATE(1, 2, 3, 4, 5, 6);
  CAPTURE(schema);
  std::filesystem::copy_file(kFixtures + "schema_v" + std::to_string(schema) + ".sqlite", scratch);
  const RunResults expected = schema == 1   ? fixture_run()
                              : schema <= 3 ? fixture_run_of_schema_2()
                                            : fixture_run_of_schema_4();
  ResultStore store = ResultStore::open(folder / "a.db", Mode::read_write);
  ComparisonRecord comparison = fixture_comparison();
  const ComparisonSample sample = comparison.samples[0];
  comparison.samples.clear();
  store.add_comparison(comparison);
  CHECK(store.add_comparison_sample(comparison.comparison_id, sample, scratch) ==
        expected.run.run_id);
  check_runs(store, {expected});
  CHECK_FALSE(std::filesystem::exists(scratch + ".v" + std::to_string(schema) + ".bak"));
}

TEST_CASE("what is no sample is refused and leaves nothing") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const std::string path = folder / "a.db", scratch = folder / "scratch.db";
  ResultStore store = ResultStore::open(path, Mode::read_write);
  const ComparisonRecord comparison = random_comparison(random);
  store.add_comparison(comparison);
  const auto refusal = [&](const ComparisonSample& sample, std::string id = "") -> std::string {
    if (id.empty()) id = comparison.comparison_id;
    const std::string before = exported(path);
    const auto message =
        message_of<StoreError>([&] { store.add_comparison_sample(id, sample, scratch); });
    CHECK((exported(path) == before));
    return message;
  };
  const ComparisonSample first{0, 0, Arm::base, ""};
  CHECK(contains(refusal(first), "no such file"));
  { ResultStore::open(scratch, Mode::read_write); }
  CHECK(contains(refusal(first),
                 "scratch.db: cannot take over the run of a sample: a sample is"
                 " one run, and the database that its process wrote holds none"));
  const std::string run_id = write_scratch(random, scratch).run.run_id;
  CHECK_FALSE(refusal(first, "no comparison").empty());
  SQLite::Database(scratch, SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 1000");
  CHECK(contains(refusal(first), "newer dsabench"));
  SQLite::Database(scratch, SQLite::OPEN_READWRITE)
      .exec("PRAGMA user_version = " + std::to_string(current_schema_version()));
  CHECK(store.add_comparison_sample(comparison.comparison_id, first, scratch) == run_id);
  CHECK(contains(refusal({0, 1, Arm::candidate, ""}), "stored already"));
  const std::string second_id = write_scratch(random, scratch).run.run_id;
  CHECK_FALSE(refusal(first).empty());                       // the round has its base
  CHECK_FALSE(refusal({0, 0, Arm::candidate, ""}).empty());  // the turn is taken
  CHECK_FALSE(refusal({-1, 1, Arm::candidate, ""}).empty());
  const RunRecord other = random_run(random);
  ResultStore::open(scratch, Mode::read_write).add_run(other, {});
  const std::string several = refusal({0, 1, Arm::candidate, ""});
  CHECK(contains(several, second_id));
  CHECK(contains(several, other.run_id));
  write_text(scratch, "no database");
  CHECK(contains(refusal({0, 1, Arm::candidate, ""}), "scratch.db"));
  CHECK(contains(message_of<StoreError>(
                     [&] { store.add_comparison_sample(comparison.comparison_id, first, path); }),
                 "a database of its own"));
}

TEST_CASE("a comparison is written whole or not at all") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  ResultStore store = ResultStore::open(folder / "a.db", Mode::read_write);
  ComparisonRecord comparison = random_comparison(random);
  const auto refused = [&](ComparisonRecord wrong) {
    CHECK_THROWS_AS(store.add_comparison(wrong), StoreError);
    CHECK(store.list_comparisons().empty());
  };
  ComparisonRecord wrong = comparison;
  wrong.kind = "abc";
  refused(wrong);
  wrong = comparison;
  wrong.arms[2].arm = Arm::base;
  refused(wrong);
  wrong = comparison;
  wrong.samples = {{0, 0, Arm::base, "run"}};
  refused(wrong);
  store.add_comparison(comparison);
  CHECK_THROWS_AS(store.add_comparison(comparison), StoreError);
}

TEST_CASE("baselines: the newest that is not retired is in force, none is lost") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const std::string path = folder / "a.db";
  ResultStore store = ResultStore::open(path, Mode::read_write);
  std::vector<std::string> runs;
  for (int i = 0; i < 3; ++i) {
    const RunRecord run = random_run(random);
    store.add_run(run, {});
    runs.push_back(run.run_id);
  }
  std::sort(runs.begin(), runs.end());
  const std::string name = "b" + hostile_text(random), note = hostile_text(random);
  const BaselineRecord first = store.promote_baseline(name, {runs[2], runs[0]}, note, 10);
  const BaselineRecord second = store.promote_baseline(name, {runs[1]}, "", 20);
  const BaselineRecord other = store.promote_baseline("other", {runs[1]}, "", 15);
  check_equal({first}, {{1, name, 10, 0, note, {runs[0], runs[2]}}});
  check_equal(store.list_baselines(), {second, other, first});
  BaselineRecord retired = store.retire_baseline(name, 30);
  CHECK(retired.baseline_id == second.baseline_id);
  CHECK(retired.retired_ms == 30);
  check_equal(store.list_baselines(), {retired, other, first});
  CHECK(store.retire_baseline(name, 40).baseline_id == first.baseline_id);
  CHECK(contains(message_of<InvalidArgument>([&] { store.retire_baseline(name, 50); }), name));
  const auto before = store.list_baselines();
  CHECK_THROWS_AS(store.promote_baseline("", {runs[0]}, "", 1), InvalidArgument);
  CHECK_THROWS_AS(store.promote_baseline("x", {}, "", 1), InvalidArgument);
  CHECK(contains(
      message_of<InvalidArgument>([&] { store.promote_baseline("x", {"nothing"}, "", 1); }),
      "no such run"));
  CHECK(contains(message_of<InvalidArgument>([&] {
                   store.promote_baseline("x", {runs[0], runs[0]}, "", 1);
                 }),
                 "twice"));
  check_equal(store.list_baselines(), before);
}

TEST_CASE("exports carry comparisons and baselines, and merge them") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const std::string path = folder / "a.db", copy = folder / "b.db";
  const StoredComparison made = write_comparison(random, path, folder);
  const std::string run_id = made.runs[0].run.run_id;
  {
    ResultStore store = ResultStore::open(path, Mode::read_write);
    for (const std::int64_t now : {5, 5, 7}) store.promote_baseline("main", {run_id}, "", now);
    store.retire_baseline("main", 9);
  }
  const std::string text = exported(path);
  ImportReport report = import_comparisons(text, copy);
  CHECK(report.comparisons.added == std::vector<std::string>{made.record.comparison_id});
  CHECK(report.baselines.added.size() == 3);
  // Random runs are not told in the order of their start, by which row ids are given anew.
  const std::string again = exported(copy);
  import_comparisons(again, folder / "c.db");
  CHECK((exported(folder / "c.db") == again));
  {
    const ResultStore store = ResultStore::open(copy, Mode::read_only);
    check_equal(store.load_comparison("last"), made.record);
    check_runs(store, made.runs);
    check_equal(store.list_baselines(), ResultStore::open(path, Mode::read_only).list_baselines());
  }
  report = import_comparisons(text, copy);
  CHECK(report.comparisons.skipped.size() == 1);
  CHECK(report.baselines.skipped.size() == 3);
  CHECK((exported(copy) == again));

  // A retirement comes along; a promotion that is there is not doubled.
  ResultStore::open(path, Mode::read_write).retire_baseline("main", 11);
  report = import_comparisons(exported(path), copy);
  CHECK(report.baselines.skipped.size() == 3);
  check_equal(ResultStore::open(copy, Mode::read_only).list_baselines(),
              ResultStore::open(path, Mode::read_only).list_baselines());

  // Another content under the same id is left as it is.
  ResultStore::open(path, Mode::read_write)
      .finish_comparison(made.record.comparison_id, "failed", 77);
  report = import_comparisons(exported(path), copy);
  CHECK(report.comparisons.refused.size() == 1);
  check_equal(ResultStore::open(copy, Mode::read_only).load_comparison("last"), made.record);
}

TEST_CASE("what hangs on a refused run is refused") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const std::string path = folder / "a.db", copy = folder / "b.db";
  const StoredComparison made = write_comparison(random, path, folder);
  const std::string run_id = made.runs[0].run.run_id;
  ResultStore::open(path, Mode::read_write).promote_baseline("main", {run_id}, "", 1);
  RunRecord other = random_run(random);
  other.run_id = run_id;
  ResultStore::open(copy, Mode::read_write).add_run(other, {});
  const ImportReport report = import_comparisons(exported(path), copy);
  CHECK(report.refused == std::vector<std::string>{run_id});
  CHECK(report.added.size() + 1 == made.runs.size());
  CHECK(report.comparisons.refused.size() == 1);
  CHECK(report.baselines.refused == std::vector<std::string>{"main"});
  const ResultStore store = ResultStore::open(copy, Mode::read_only);
  CHECK(store.list_comparisons().empty());
  CHECK(store.list_baselines().empty());
}

TEST_CASE("a run belongs to one comparison, here and in what is imported") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const std::string path = folder / "a.db", copy = folder / "b.db";
  const StoredComparison made = write_comparison(random, path, folder);
  import_comparisons(exported(path), copy);
  SQLite::Database(copy, SQLite::OPEN_READWRITE)
      .exec(
          "PRAGMA foreign_keys = OFF; UPDATE comparison SET comparison_id = 'x';"
          "UPDATE comparison_arm SET comparison_id = 'x';"
          "UPDATE comparison_sample SET comparison_id = 'x'");
  const ImportReport report = import_comparisons(exported(path), copy);
  CHECK(report.comparisons.refused == std::vector<std::string>{made.record.comparison_id});
  CHECK(ResultStore::open(copy, Mode::read_only).list_comparisons().size() == 1);
}

TEST_CASE("every kind of change makes a comparison another one") {
  const ScratchFolder folder;
  const std::string path = folder / "a.db";
  const std::string text = exported(kFixtures + "schema_v7.sqlite");
  const char* change =
      GENERATE("UPDATE comparison SET seed = 0", "UPDATE comparison SET settings_json = '{}'",
               "UPDATE comparison_arm SET label = 'x' WHERE arm = 'base'",
               "UPDATE comparison_arm SET arguments_json = '[]' WHERE arm = 'base'",
               "DELETE FROM comparison_sample WHERE arm = 'base'",
               "UPDATE comparison_sample SET place = 7 WHERE arm = 'base'");
  CAPTURE(change);
  std::filesystem::copy_file(kFixtures + "schema_v7.sqlite", path);
  CHECK(import_comparisons(text, path).comparisons.skipped.size() == 1);
  SQLite::Database(path, SQLite::OPEN_READWRITE).exec(change);
  CHECK(import_comparisons(text, path).comparisons.refused.size() == 1);
}

TEST_CASE("lines of comparisons that fit nothing are refused with their number") {
  const ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::vector<std::string> lines;
  std::istringstream in(exported(kFixtures + "schema_v7.sqlite"));
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  struct Change {
    const char *table, *from, *to, *message;
  };
  const auto change = GENERATE(values<Change>({
      {"comparison", "\"kind\":\"ab\"", "\"kind\":\"ba\"", "CHECK constraint failed"},
      {"comparison", "\"seed\":-", "\"seed\":0.5,\"x\":-", "no column x"},
      {"comparison_arm", "\"arm\":\"base\"", "\"arm\":\"bass\"", "CHECK constraint failed"},
      {"comparison_arm", "00000000000c", "00000000000d", "FOREIGN KEY constraint failed"},
      {"comparison_sample", "00000000000a", "00000000000d", "FOREIGN KEY constraint failed"},
      {"comparison_sample", "\"candidate\"", "\"twin\"", "FOREIGN KEY constraint failed"},
      {"comparison_sample", "\"round\":0", "\"round\":-1", "CHECK constraint failed"},
      {"comparison_sample", "\"round\":0", "\"round\":\"x\"", "does not fit"},
      {"baseline_run", "00000000000b", "00000000000d", "FOREIGN KEY constraint failed"},
      {"baseline_run", "\"baseline_id\":1", "\"baseline_id\":9", "FOREIGN KEY constraint failed"},
      {"baseline", "\"note\":\"\"", "\"note\":null", "expected a string"},
  }));
  CAPTURE(change.table, change.to);
  std::size_t line = 0;
  const std::string start = std::string("{\"table\":\"") + change.table + "\"";
  while (line < lines.size() &&
         (lines[line].rfind(start, 0) != 0 || !contains(lines[line], change.from))) {
    ++line;
  }
  REQUIRE(line < lines.size());
  std::string& text = lines[line];
  text.replace(text.find(change.from), std::string(change.from).size(), change.to);
  std::string whole;
  for (const std::string& each : lines) whole += each + "\n";
  const auto message = message_of<ParseError>([&] { import_comparisons(whole, path); });
  CHECK(contains(message, "export.jsonl: line " + std::to_string(line + 1) + ": "));
  CHECK(contains(message, change.message));
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("arm names parse back, others are refused") {
  for (const Arm arm : {Arm::base, Arm::twin, Arm::candidate}) {
    CHECK(parse_arm(arm_name(arm)) == arm);
  }
  CHECK(contains(message_of<InvalidArgument>([] { parse_arm("Base"); }), "Base"));
}

}  // namespace
}  // namespace dsabench::test
