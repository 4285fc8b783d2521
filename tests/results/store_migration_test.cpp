#include <SQLiteCpp/SQLiteCpp.h>

#include <array>
#include <sstream>

#include "results/exchange.h"
#include "results/maintenance.h"
#include "results/store.h"
#include "results/store/connection.h"
#include "results/store/migrations.h"
#include "tests/results/fixture_files.h"
#include "tests/results/fixture_run.h"
#include "tests/results/random_records.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

using Mode = ResultStore::Mode;

std::int64_t pragma(const std::string& path, const std::string& name) {
  SQLite::Database db(path);
  return db.execAndGet("PRAGMA " + name).getInt64();
}

TEST_CASE("an empty file becomes a database of the current schema") {
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  write_text(path, "");
  ResultStore::open(path, Mode::read_write);
  CHECK(pragma(path, "user_version") == current_schema_version());
  CHECK(pragma(path, "application_id") == store::kApplicationId);
  SQLite::Database db(path);
  CHECK(db.execAndGet("PRAGMA journal_mode").getString() == "wal");
  SQLite::Statement lax(db,
                        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND"
                        " type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'");
  CHECK_FALSE(lax.executeStep());
  CHECK_FALSE(std::filesystem::exists(path + ".v0.bak"));
}

TEST_CASE("the committed database of schema 1 opens, reads and takes more") {
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::filesystem::copy_file(kFixtures + "schema_v1.sqlite", path);
  CHECK(pragma(path, "user_version") == 1);
  ResultStore store = ResultStore::open(path, Mode::read_write);
  CHECK(store.schema_version() == current_schema_version());
  CHECK_FALSE(store.is_newer_schema());
  const RunResults expected = fixture_run();
  const RunResults loaded = store.load_run(expected.run.run_id.substr(0, 8));
  check_equal(loaded.run, expected.run);
  check_equal(loaded.plan, expected.plan);
  check_equal(loaded.trials, expected.trials);
  DSABENCH_SEEDED(random);
  store.add_run(random_run(random), expected.plan);
  CHECK(store.list_runs().size() == 2);
  CHECK(pragma(path + ".v1.bak", "user_version") == 1);
}

void check_goes_on(const std::string& fixture, int schema, const RunResults& expected) {
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::filesystem::copy_file(fixture, path);
  CHECK(pragma(path, "user_version") == schema);
  ResultStore store = ResultStore::open(path, Mode::read_write);
  const RunResults loaded = store.load_run(expected.run.run_id);
  check_equal(loaded.run, expected.run);
  check_equal(loaded.plan, expected.plan);
  check_equal(loaded.trials, expected.trials);
  CHECK_FALSE(store.claim_run(expected.run.run_id));
  const auto crashed = store.record_crashes(expected.run.run_id, 5);
  REQUIRE(crashed.size() == 1);
  CHECK(crashed[0].cell_id == expected.plan.back().cell.cell_id);
  CHECK(crashed[0].process_id == 4242);
}

TEST_CASE("the committed database of schema 2 opens, reads and goes on") {
  check_goes_on(kFixtures + "schema_v2.sqlite", 2, fixture_run_of_schema_2());
}

TEST_CASE("the committed database of schema 3 opens, reads and goes on") {
  const std::string fixture = kFixtures + "schema_v3.sqlite";
  CHECK(SQLite::Database(fixture).execAndGet("SELECT process_id FROM run_process").getInt() ==
        4242);
  check_goes_on(fixture, 3, fixture_run_of_schema_2());
}

TEST_CASE("the committed database of schema 4 opens, reads and goes on") {
  check_goes_on(kFixtures + "schema_v4.sqlite", 4, fixture_run_of_schema_4());
}

TEST_CASE("the committed database of schema 5 opens, reads and goes on") {
  check_goes_on(kFixtures + "schema_v5.sqlite", 5, fixture_run_of_schema_4());
}

TEST_CASE("the committed database of schema 6 opens, reads and goes on") {
  check_goes_on(kFixtures + "schema_v6.sqlite", 6, fixture_run_of_schema_4());
}

TEST_CASE("the committed database of schema 7 opens, reads and goes on") {
  const std::string fixture = kFixtures + "schema_v7.sqlite";
  if (std::getenv("DSABENCH_UPDATE_FIXTURE") != nullptr) write_fixture(fixture);
  check_goes_on(fixture, 7, fixture_run_of_schema_4());
  const ResultStore store = ResultStore::open(fixture, Mode::read_only);
  check_equal(store.load_comparison("last"), fixture_comparison());
  check_equal(store.list_baselines(), fixture_baselines());
}

TEST_CASE("an older database is read only after an explicit migration") {
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::filesystem::copy_file(kFixtures + "schema_v1.sqlite", path);
  CHECK(contains(message_of<StoreError>([&] { ResultStore::open(path, Mode::read_only); }),
                 "db migrate"));
  std::ostringstream nothing;
  CHECK(contains(message_of<StoreError>([&] { export_database(path, nothing); }), "db migrate"));
  const CheckReport before = check_database(path);
  REQUIRE(before.findings.size() == 1);
  CHECK(before.findings[0].check == "schema");

  const MigrationReport report = migrate_database(path);
  CHECK(report.from_version == 1);
  CHECK(report.to_version == current_schema_version());
  CHECK(report.backup == path + ".v1.bak");
  CHECK(pragma(report.backup, "user_version") == 1);
  CHECK(check_database(path).clean());
  const RunResults expected = fixture_run();
  check_equal(ResultStore::open(path, Mode::read_only).load_run(expected.run.run_id).trials,
              expected.trials);

  const MigrationReport again = migrate_database(path);
  CHECK(again.from_version == again.to_version);
  CHECK(again.backup.empty());
  CHECK_THROWS_AS(migrate_database(folder / "absent.db"), StoreError);
  CHECK_FALSE(std::filesystem::exists(folder / "absent.db"));
}

TEST_CASE("a newer schema is read and not written") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  const RunRecord run = random_run(random);
  ResultStore::open(path, Mode::read_write).add_run(run, {});
  SQLite::Database(path, SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 1000");
  for (const Mode mode : {Mode::read_write, Mode::read_only}) {
    ResultStore store = ResultStore::open(path, mode);
    CHECK(store.is_newer_schema());
    CHECK(store.schema_version() == 1000);
    check_equal(store.load_run(run.run_id).run, run);
    const auto message = message_of<StoreError>([&] { store.finish_run(run.run_id, "done", 1); });
    CHECK(contains(message, "newer dsabench"));
    CHECK(contains(message, "1000"));
  }
  CHECK(contains(message_of<StoreError>([&] { migrate_database(path); }), "newer dsabench"));
  std::ostringstream nothing;
  CHECK(contains(message_of<StoreError>([&] { export_database(path, nothing); }), "newer"));
  std::istringstream empty(
      "{\"format\":\"dsabench-results\",\"format_version\":1,\"schema_version\":1,\"counts\":{}}\n"
      "{\"end\":true,\"counts\":{}}\n");
  CHECK(contains(message_of<StoreError>([&] { import_database(empty, "empty", path); }), "newer"));
  CHECK(check_database(path).findings.size() == 1);
  CHECK(pragma(path, "user_version") == 1000);
}

TEST_CASE("migrations run in order, each whole, after a backup") {
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  constexpr std::array<std::string_view, 1> kFirst = {"CREATE TABLE t (x INTEGER) STRICT"};
  constexpr std::array<std::string_view, 3> kAll = {kFirst[0], "ALTER TABLE t ADD COLUMN y INTEGER",
                                                    "UPDATE t SET y = x + 1"};
  constexpr std::array<std::string_view, 3> kBroken = {
      kFirst[0], "ALTER TABLE t ADD COLUMN y INTEGER", "UPDATE t SET y = 5; no such statement"};
  SQLite::Database db(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  store::migrate(db, path, kFirst);
  db.exec("INSERT INTO t VALUES (41)");
  SECTION("all go through") {
    store::migrate(db, path, kAll);
    CHECK(db.execAndGet("SELECT y FROM t").getInt() == 42);
    CHECK(pragma(path, "user_version") == 3);
    store::migrate(db, path, kAll);
    CHECK(db.execAndGet("SELECT y FROM t").getInt() == 42);
  }
  SECTION("one fails") {
    CHECK_THROWS_AS(store::migrate(db, path, kBroken), SQLite::Exception);
    CHECK(pragma(path, "user_version") == 2);
    CHECK(db.execAndGet("SELECT y IS NULL FROM t").getInt() == 1);
  }
  CHECK(pragma(path + ".v1.bak", "user_version") == 1);
  SQLite::Database backup(path + ".v1.bak");
  CHECK(backup.execAndGet("SELECT x FROM t").getInt() == 41);
  CHECK_FALSE(std::filesystem::exists(path + ".v2.bak"));
}

}  // namespace
}  // namespace dsabench::test
