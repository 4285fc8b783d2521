#include "results/maintenance.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include "kernels/base/error.h"
#include "results/identity.h"
#include "tests/results/fixture_run.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

using Mode = ResultStore::Mode;

const std::string kFixture = DSABENCH_TEST_DATA "/results/fixtures/schema_v7.sqlite";

/// Whether the only check that finds something is `check`, and what it says.
std::string only_finding(const std::string& path, const std::string& check) {
  const CheckReport report = check_database(path);
  std::string details;
  for (const Finding& finding : report.findings) {
    CAPTURE(finding.check, finding.detail);
    CHECK(finding.check == check);
    details += finding.detail + "\n";
  }
  return details;
}

TEST_CASE("a sound database has no findings") {
  const CheckReport report = check_database(kFixture);
  for (const Finding& finding : report.findings) FAIL(finding.check << ": " << finding.detail);
  CHECK(report.clean());
  CHECK(report.schema_version == current_schema_version());
  CHECK(report.num_runs == 3);
  CHECK(report.num_trials == 6);
  CHECK(report.num_samples == 29);
}

TEST_CASE("what breaks an invariant is found and named") {
  struct Break {
    const char* check;
    const char* sql;
    const char* detail;
  };
  const auto broken = GENERATE(values<Break>({
      {"cell_id", "UPDATE cell SET canonical_json = canonical_json || ' ' WHERE pattern = 'FSSF'",
       "not the hash"},
      {"machine_id", "UPDATE run SET machine_json = '{}'", "01900000"},
      {"machine_id", "UPDATE continuation SET machine_json = '{}'", "01900000"},
      {"build_id", "UPDATE run SET build_json = '{}'", "01900000"},
      {"model_id", "UPDATE run SET model_json = '{}'", "01900000"},
      {"plan_id", "UPDATE run SET plan_json = ''", "01900000"},
      {"output_id", "UPDATE output SET text = 'x' WHERE text = ''", "not the hash"},
      {"sample_position", "DELETE FROM sample WHERE metric_id = 1 AND position = 2",
       "metric prefill: 6 samples at positions 0 to 6"},
      {"sample_position", "DELETE FROM sample WHERE metric_id = 1 AND position = 0", "1 to 6"},
      {"sample_position", "UPDATE sample SET position = -1 WHERE metric_id = 1 AND position = 0",
       "7 samples at positions -1 to 6"},
      {"answer_position", "UPDATE answer SET position = -1 WHERE trial_id = 5 AND position = 0",
       "20 answers at positions -1 to 19"},
      {"answer_position", "DELETE FROM answer WHERE position = 3", "19 answers"},
      {"device_sample_position", "DELETE FROM device_sample WHERE trial_id = 1 AND position = 1",
       "trial 1: 2 device samples at positions 0 to 2"},
      {"device_sample_position", "DELETE FROM device_sample WHERE position = 0", "1 to 2"},
      {"ceiling", "UPDATE ceiling SET continuation = 7 WHERE continuation = 0",
       "ceiling matrix_f32 is of continuation 7"},
      {"indexer_runs", "UPDATE layer_runs SET runs = 1 WHERE trial_id = 2 AND layer = 1",
       "trial 2 is ok, but layer 1 ran its indexer 1 times; expected: 0"},
      {"score", "UPDATE answer SET score = 1.5 WHERE trial_id = 5 AND position = 0", "score 1.5"},
      {"run_status", "UPDATE run SET status = 'finished'", "finished"},
      {"running_trial", "UPDATE run SET status = 'done'", "marked as running"},
      {"mixed", "UPDATE run SET mixed = 0", "mixed is 0"},
      {"trial_origin", "UPDATE trial SET build_id = 'other' WHERE trial_id = 1", "trial 1"},
      {"trial_origin", "UPDATE trial SET machine_id = 'other' WHERE trial_id = 1", "trial 1"},
      {"comparison", "UPDATE comparison SET status = 'over'", "status over"},
      {"comparison", "UPDATE comparison SET calibration_id = 'x'",
       "kind is ab, with a calibration"},
      {"comparison", "UPDATE comparison SET kind = 'calibrate'",
       "calibrate, without a calibration"},
      {"comparison",
       "DELETE FROM comparison_sample WHERE arm = 'base';"
       "DELETE FROM comparison_arm WHERE arm = 'base'",
       "has 1 arms"},
      {"comparison", "UPDATE comparison_arm SET arguments_json = 'x' WHERE arm = 'base'",
       "the arguments of base are no array"},
      {"comparison", "UPDATE comparison_arm SET arguments_json = '{}' WHERE arm = 'base'",
       "the arguments of base are no array"},
      {"baseline", "DELETE FROM baseline_run WHERE baseline_id = 1",
       "baseline 1 (main) has no run"},
      {"baseline", "UPDATE baseline SET name = '' WHERE baseline_id = 2", "2 has no name"},
      {"foreign_key", "DELETE FROM output WHERE text = ''", "a row of answer"},
      {"schema", "DROP TABLE running_trial", "table running_trial is missing"},
      {"schema", "DROP INDEX trial_ok_once", "index trial_ok_once is missing"},
      {"schema", "DROP VIEW speed; CREATE VIEW speed AS SELECT 1", "view speed is not as"},
  }));
  CAPTURE(broken.sql);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::filesystem::copy_file(kFixture, path);
  SQLite::Database(path, SQLite::OPEN_READWRITE).exec(broken.sql);
  CHECK(contains(only_finding(path, broken.check), broken.detail));
}

TEST_CASE("a wrong trial may have run its indexers otherwise") {
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::filesystem::copy_file(kFixture, path);
  SQLite::Database(path, SQLite::OPEN_READWRITE)
      .exec(
          "UPDATE layer_runs SET runs = 1 WHERE trial_id = 2 AND layer = 1;"
          "UPDATE trial SET outcome = 'incorrect' WHERE trial_id = 2");
  CHECK(check_database(path).clean());
}

TEST_CASE("a run that another build went on with on the same machine is mixed") {
  ScratchFolder folder;
  const std::string path = folder / "a.db", build = "{\"git_commit\":\"another\"}";
  std::filesystem::copy_file(kFixture, path);
  SQLite::Database db(path, SQLite::OPEN_READWRITE);
  db.exec("UPDATE trial SET machine_id = '', build_id = ''");
  db.exec(
      "UPDATE continuation SET (machine_id, machine_json) ="
      " (SELECT machine_id, machine_json FROM run)");
  db.exec("UPDATE run SET mixed = 0 WHERE run_id IN (SELECT run_id FROM continuation)");
  CHECK(check_database(path).clean());
  db.exec("UPDATE continuation SET build_id = '" + content_hash(build) + "', build_json = '" +
          build + "'");
  CHECK(contains(only_finding(path, "mixed"), "mixed is 0"));
  db.exec("UPDATE run SET mixed = 1 WHERE run_id IN (SELECT run_id FROM continuation)");
  CHECK(check_database(path).clean());
}

TEST_CASE("findings of one kind are listed up to a number, then counted") {
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::filesystem::copy_file(kFixture, path);
  SQLite::Database(path, SQLite::OPEN_READWRITE)
      .exec(
          "UPDATE answer SET score = 2 WHERE trial_id = 5;"
          "UPDATE answer SET score = -1 WHERE trial_id = 6 AND position < 3");
  const CheckReport report = check_database(path);
  REQUIRE(report.findings.size() == 21);
  CHECK(report.findings.back().detail == "and 3 more");
}

TEST_CASE("a user's own view is no finding") {
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::filesystem::copy_file(kFixture, path);
  SQLite::Database(path, SQLite::OPEN_READWRITE).exec("CREATE VIEW mine AS SELECT * FROM run");
  CHECK(check_database(path).clean());
}

TEST_CASE("damage is a finding, what is no database is an error") {
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::string bytes = read_text(kFixture);
  SECTION("overwritten pages") {
    std::fill(bytes.begin() + 6 * 1024, bytes.end() - 4096, '\x5a');
    write_text(path, bytes);
    const CheckReport report = check_database(path);
    REQUIRE_FALSE(report.clean());
    CHECK(report.findings[0].check == "integrity");
  }
  SECTION("text") {
    write_text(path, std::string(5000, 'a'));
    CHECK(contains(message_of<StoreError>([&] { check_database(path); }), path));
  }
  SECTION("nothing") { CHECK_THROWS_AS(check_database(path), StoreError); }
}

}  // namespace
}  // namespace dsabench::test
