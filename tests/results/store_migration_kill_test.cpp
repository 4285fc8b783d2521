/// A process that is killed while it migrates a database leaves it as it was, or whole at a later
/// schema, from where the next one goes on.
#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <algorithm>

#include "results/maintenance.h"
#include "results/store/connection.h"
#include "results/store/migrations.h"
#include "tests/results/fixture_files.h"
#include "tests/results/fixture_run.h"
#include "tests/results/random_records.h"
#include "tests/support/catch.h"
#include "tests/support/child_process.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

/// Counts SQLite's virtual instructions, and ends the process with the last of them.
struct Countdown {
  std::int64_t left = 0, used = 0;
  static int step(void* self) {
    auto* countdown = static_cast<Countdown*>(self);
    ++countdown->used;
    if (countdown->left > 0 && --countdown->left == 0) raise(SIGKILL);
    return 0;
  }
};

/// Migrates to a schema as the tool does, watched by `countdown`.
void migrate_watched(const std::string& path, int schema, Countdown& countdown) {
  SQLite::Database db = store::open_for_writing(path, store::kBusyTimeout);
  sqlite3_progress_handler(db.getHandle(), 1, Countdown::step, &countdown);
  store::migrate(db, path, store::all_migrations().first(static_cast<std::size_t>(schema)));
}

const RunResults& fixture_of(int schema) {
  static const RunResults first = fixture_run(), second = fixture_run_of_schema_2(),
                          fourth = fixture_run_of_schema_4();
  return schema == 1 ? first : schema <= 3 ? second : fourth;
}

TEST_CASE("a migration that is killed anywhere leaves a whole database") {
  DSABENCH_SEEDED(random);
  for (int schema = 1; schema < current_schema_version(); ++schema) {
    CAPTURE(schema);
    const ScratchFolder folder;
    const std::string fixture = kFixtures + "schema_v" + std::to_string(schema) + ".sqlite";
    const std::string path = folder / "a.db";
    // Instructions that the first step takes, and all of them.
    const auto instructions = [&](int to) {
      const ScratchFolder elsewhere;
      std::filesystem::copy_file(fixture, elsewhere / "b.db");
      Countdown countdown;
      migrate_watched(elsewhere / "b.db", to, countdown);
      return countdown.used;
    };
    const std::int64_t first = instructions(schema + 1);
    const std::int64_t all = instructions(current_schema_version());
    REQUIRE(first > 50);
    std::vector<int> versions;
    for (int kill = 0; kill < 12; ++kill) {
      for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
        std::filesystem::remove(entry.path());
      }
      std::filesystem::copy_file(fixture, path);
      const std::int64_t moment = random.integer(1, kill % 2 == 0 ? first : all);
      CAPTURE(moment, first, all);
      const int status = wait_for(start_child([&] {
        Countdown countdown{moment};
        migrate_watched(path, current_schema_version(), countdown);
        return true;
      }));
      CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
      {
        SQLite::Database db(path, SQLite::OPEN_READWRITE);  // rolls back
        CHECK(db.execAndGet("PRAGMA integrity_check").getString() == "ok");
        versions.push_back(db.execAndGet("PRAGMA user_version").getInt());
        CHECK(versions.back() >= schema);
      }
      const std::string backup = store::backup_path(path, schema);
      if (std::filesystem::exists(backup)) {
        SQLite::Database copy(backup);
        CHECK(copy.execAndGet("PRAGMA integrity_check").getString() == "ok");
        CHECK(copy.execAndGet("PRAGMA user_version").getInt() == schema);
      } else {
        CHECK(versions.back() == schema);
      }
      const RunResults& expected = fixture_of(schema);
      const RunResults loaded =
          ResultStore::open(path, ResultStore::Mode::read_write).load_run(expected.run.run_id);
      check_equal(loaded.run, expected.run);
      check_equal(loaded.plan, expected.plan);
      check_equal(loaded.trials, expected.trials);
      CHECK(check_database(path).clean());
    }
    // Some of the kills must have met the old schema, or the test shows nothing.
    CHECK(std::count(versions.begin(), versions.end(), schema) > 0);
  }
}

}  // namespace
}  // namespace dsabench::test
