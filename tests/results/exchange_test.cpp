#include "results/exchange.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <fstream>
#include <sstream>

#include "results/maintenance.h"
#include "results/store.h"
#include "tests/results/approved_files.h"
#include "tests/results/fixture_files.h"
#include "tests/results/fixture_run.h"
#include "tests/results/random_records.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

using Mode = ResultStore::Mode;

ImportReport import_text(const std::string& text, const std::string& path) {
  std::istringstream in(text);
  return import_database(in, "export.jsonl", path);
}

/// Writes a run of random cells and trials; returns its id.
std::string write_random_run(Random& random, const std::string& path) {
  ResultStore store = ResultStore::open(path, Mode::read_write);
  const RunRecord run = random_run(random);
  const auto plan = random_plan(random, 3);
  store.add_run(run, plan);
  for (const PlannedCell& planned : plan) {
    for (int repeat = 0; repeat < 2; ++repeat) {
      store.add_trial(random_trial(random, run.run_id, planned.cell.cell_id, repeat));
    }
  }
  store.begin_trial(run.run_id, plan[0].cell.cell_id, 9, 1);
  return run.run_id;
}

void check_same_run(const std::string& a, const std::string& b, const std::string& run_id) {
  const RunResults actual = ResultStore::open(a, Mode::read_only).load_run(run_id);
  const RunResults expected = ResultStore::open(b, Mode::read_only).load_run(run_id);
  check_equal(actual.run, expected.run);
  check_equal(actual.plan, expected.plan);
  check_equal(actual.trials, expected.trials);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}
std::string join(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TEST_CASE("an export is as approved") {
  check_approved("export.jsonl", exported(kFixtures + "schema_v7.sqlite"));
}

TEST_CASE("an import of the approved export gives it again") {
  ScratchFolder folder;
  const std::string text = exported(kFixtures + "schema_v7.sqlite"), path = folder / "a.db";
  import_text(text, path);
  CHECK((exported(path) == text));
}

TEST_CASE("export and import lose nothing") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string from = folder / "from.db", to = folder / "to.db";
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(write_random_run(random, from));
  {
    SQLite::Database db(from, SQLite::OPEN_READWRITE);
    db.exec(
        "INSERT INTO output VALUES ('unused', 'text'); UPDATE answer SET score = -9e999"
        " WHERE position = 0;"
        "INSERT INTO cell SELECT 'unused', '{}', '', '', '', '', '', '', '', '', 0, 0");
  }
  const std::string text = exported(from);
  const ImportReport report = import_text(text, to);
  CHECK(report.added.size() == 3);
  CHECK(report.num_rows + 2 == static_cast<std::int64_t>(lines_of(text).size()));
  for (const std::string& id : ids) check_same_run(to, from, id);
  // Row ids follow the order of runs; from there on the text is its own fixed point.
  const std::string again = exported(to);
  import_text(again, folder / "third.db");
  CHECK((exported(folder / "third.db") == again));
  CHECK(lines_of(again).size() == lines_of(text).size());
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    CHECK_FALSE(contains(entry.path().string(), ".import."));
  }
}

TEST_CASE("merging adds what is new, skips what is the same, refuses what differs") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string ours = folder / "ours.db", theirs = folder / "theirs.db";
  const std::string common = write_random_run(random, ours);
  import_text(exported(ours), theirs);
  const std::string own = write_random_run(random, ours);
  const std::string foreign = write_random_run(random, theirs);

  ImportReport report = import_text(exported(theirs), ours);
  CHECK(report.added == std::vector<std::string>{foreign});
  CHECK(report.skipped == std::vector<std::string>{common});
  CHECK(report.refused.empty());
  check_same_run(ours, theirs, foreign);
  CHECK(ResultStore::open(ours, Mode::read_only).list_runs().size() == 3);

  ResultStore::open(theirs, Mode::read_write).finish_run(common, "done", 987);
  report = import_text(exported(theirs), ours);
  CHECK(report.added.empty());
  CHECK(report.skipped == std::vector<std::string>{foreign});
  CHECK(report.refused == std::vector<std::string>{common});
  CHECK(ResultStore::open(ours, Mode::read_only).load_run(common).run.finished_ms != 987);
  CHECK_FALSE(own.empty());
}

TEST_CASE("every kind of change makes a run another one") {
  const std::string text = exported(kFixtures + "schema_v7.sqlite");
  const char* change = GENERATE(
      "UPDATE sample SET value = value + 1 WHERE metric_id = 2 AND position = 1",
      "DELETE FROM sample WHERE metric_id = 1 AND position = 6",
      "UPDATE stage_time SET nanoseconds = 0 WHERE trial_id = 1 AND stage = 'topk'",
      "UPDATE layer_runs SET expected = 9 WHERE trial_id = 2",
      "UPDATE layer_runs SET runs = 9 WHERE trial_id = 2",
      "UPDATE device_sample SET clock_limits = 8 WHERE trial_id = 2 AND position = 1",
      "UPDATE device_sample SET power_mw = 1 WHERE trial_id = 1 AND position = 0",
      "DELETE FROM device_sample WHERE trial_id = 1 AND position = 2",
      "UPDATE ceiling SET nanoseconds = 1 WHERE continuation = 0",
      "DELETE FROM ceiling WHERE name = 'copy'", "UPDATE answer SET score = 0.125",
      "UPDATE output SET text = 'x' WHERE text = ''", "UPDATE planned_cell SET dialect = 'vllm'",
      "UPDATE trial SET reason = 'y' WHERE trial_id = 3",
      "UPDATE trial SET repeat = 5 WHERE trial_id = 3", "UPDATE continuation SET started_ms = 0",
      "DELETE FROM running_trial", "UPDATE run SET seed = 0 WHERE run_id LIKE '%2'");
  CAPTURE(change);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::filesystem::copy_file(kFixtures + "schema_v7.sqlite", path);
  CHECK(import_text(text, path).skipped.size() == 3);
  SQLite::Database(path, SQLite::OPEN_READWRITE).exec(change);
  CHECK(import_text(text, path).refused.size() == 1);
}

TEST_CASE("one cell id with two contents stops the merge") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string ours = folder / "ours.db", theirs = folder / "theirs.db";
  write_random_run(random, theirs);
  const std::string text = exported(theirs);
  const std::string id = ResultStore::open(theirs, Mode::read_only).list_runs()[0].run_id;
  auto plan = ResultStore::open(theirs, Mode::read_only).load_run(id).plan;
  plan[1].cell.canonical_json += "x";
  ResultStore::open(ours, Mode::read_write).add_run(random_run(random), plan);
  const auto message = message_of<StoreError>([&] { import_text(text, ours); });
  CHECK(contains(message, plan[1].cell.cell_id));
  CHECK(contains(message, id));
  CHECK(ResultStore::open(ours, Mode::read_only).list_runs().size() == 1);
}

TEST_CASE("one output id with two texts stops the merge") {
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::filesystem::copy_file(kFixtures + "schema_v7.sqlite", path);
  const std::string text = exported(path);
  {
    SQLite::Database db(path, SQLite::OPEN_READWRITE);
    db.exec("UPDATE output SET text = 'another' WHERE text = ''; DELETE FROM running_trial");
    for (const char* table :
         {"baseline_run", "baseline", "comparison_sample", "comparison_arm", "comparison", "sample",
          "metric", "stage_time", "layer_runs", "device_sample", "answer", "trial", "ceiling",
          "continuation", "planned_cell", "run_process", "run"}) {
      db.exec(std::string("DELETE FROM ") + table);
    }
  }
  const auto message = message_of<StoreError>([&] { import_text(text, path); });
  CHECK(contains(message, "output "));
  CHECK(contains(message, "stored with other content"));
  CHECK(ResultStore::open(path, Mode::read_only).list_runs().empty());
}

TEST_CASE("an export cut short anywhere imports nothing") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  const std::string text = exported(kFixtures + "schema_v7.sqlite");
  for (int round = 0; round < 20; ++round) {
    // The last line break alone may be missing.
    const auto size = static_cast<std::size_t>(random.integer(0, std::ssize(text) - 2));
    CAPTURE(size);
    const std::string part = text.substr(0, size);
    const auto message = message_of<ParseError>([&] { import_text(part, path); });
    CHECK(contains(message, "export.jsonl: line "));
    CHECK_FALSE(std::filesystem::exists(path));
  }
}

TEST_CASE("a wrong line is named by its number and imports nothing") {
  struct Change {
    int line;  ///< from 1
    const char* text;
    const char* message;
  };
  const auto change = GENERATE(values<Change>({
      {1, "", "no JSON object"},
      {1, "{}", "no export of dsabench"},
      {1, R"({"format":"dsabench-results","format_version":2})", "format_version: expected 1"},
      {1, R"({"format":"dsabench-results","format_version":1,"schema_version":0,"counts":{}})",
       "schema_version"},
      {1, R"({"format":"dsabench-results","format_version":1,"schema_version":999,"counts":{}})",
       "newer dsabench"},
      {1, R"({"format":"dsabench-results","format_version":1,"schema_version":2})", "counts"},
      {2, "[1]", "no JSON object"},
      {2, "{\"table\":1}", "\"table\" is missing"},
      {2, "{\"table\":\"sqlite_schema\",\"sql\":\"x\"}", "no table sqlite_schema"},
      {2, "{\"table\":\"run\",\"run_id\":\"a\"}", "this row 1"},
      {2, "{\"table\":\"run\",\"colour\":\"a\"}", "no column colour"},
      {3, "{\"table\":\"output\",\"output_id\":\"a\",\"text\":null}", "expected a string"},
      {3, "{\"table\":\"output\",\"output_id\":\"a\",\"text\":{\"hex\":\"0g\"}}", "hex digits"},
      {3, "{\"table\":\"output\",\"output_id\":\"a\",\"text\":{\"hex\":\"0\"}}", "expected a"},
      {3, "{\"table\":\"output\",\"output_id\":\"a\",\"text\":18446744073709551615}", "too large"},
      {3, "{\"table\":\"sample\",\"metric_id\":77,\"position\":0,\"value\":1}", "does not fit"},
      {3, "{\"table\":\"sample\",\"metric_id\":77,\"position\":0,\"value\":0.5}", "does not fit"},
      {3, "{\"end\":true,\"counts\":{}}", "not those of the header"},
  }));
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::vector<std::string> lines = lines_of(exported(kFixtures + "schema_v7.sqlite"));
  lines[static_cast<std::size_t>(change.line) - 1] = change.text;
  CAPTURE(change.text);
  const auto message = message_of<ParseError>([&] { import_text(join(lines), path); });
  CHECK(contains(message, "export.jsonl: line " + std::to_string(change.line) + ": "));
  CHECK(contains(message, change.message));
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a lost, doubled or trailing line is noticed") {
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::vector<std::string> lines = lines_of(exported(kFixtures + "schema_v7.sqlite"));
  std::string expected;
  SECTION("lost") {
    lines.erase(lines.end() - 2);
    expected = "were announced";
  }
  SECTION("doubled") {
    lines.insert(lines.end() - 2, lines[lines.size() - 2]);
    expected = "does not fit";
  }
  SECTION("trailing") {
    lines.push_back("{}");
    expected = "after the trailer";
  }
  CHECK(contains(message_of<ParseError>([&] { import_text(join(lines), path); }), expected));
}

TEST_CASE("an export of schema 1 imports and is migrated on the way") {
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::ifstream in(kFixtures + "export_v1.jsonl");
  REQUIRE(in);
  const ImportReport report = import_database(in, "export_v1.jsonl", path);
  CHECK(report.added.size() == 1);
  const RunResults expected = fixture_run();
  const RunResults loaded = ResultStore::open(path, Mode::read_only).load_run(expected.run.run_id);
  check_equal(loaded.run, expected.run);
  check_equal(loaded.plan, expected.plan);
  check_equal(loaded.trials, expected.trials);
  CHECK(check_database(path).clean());
}

TEST_CASE("a stream that takes nothing is an error") {
  std::ofstream full("/dev/full");
  REQUIRE(full);
  CHECK_THROWS_AS(export_database(kFixtures + "schema_v7.sqlite", full), IoError);
}

}  // namespace
}  // namespace dsabench::test
