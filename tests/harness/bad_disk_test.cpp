/// Databases and disks that do not do as they should: a message, an exit code, nothing lost.
#include <sys/resource.h>

#include "results/maintenance.h"
#include "results/store/connection.h"
#include "tests/harness/tool_process.h"
#include "tests/results/foreign_lock.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using test::contains;
using test::ScratchFolder;
using test::ToolProcess;

std::vector<std::string> small_run(const std::string& db,
                                   const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = test::with_tiny_model(
      "run", {"--db", db, "--context", "64", "--retention", "1,1/3", "--min-samples", "2",
              "--max-samples", "2", "--decode-tokens", "2", "--progress", "plain"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

void make_database(const std::string& db) {
  const CliResult result = call_cli(small_run(db));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
}

std::int64_t num_trials(const std::string& db) {
  const ResultStore store = ResultStore::open(db, ResultStore::Mode::read_only);
  std::int64_t count = 0;
  for (const RunRecord& run : store.list_runs())
    count += std::ssize(store.load_run(run.run_id).trials);
  return count;
}

TEST_CASE("a file that may not grow stops the run, and what was written stays") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  // As a full disk: the write fails. The log is what grows first.
  ToolProcess tool(folder, small_run(db, {"--repeat", "8"}), [] {
    const rlimit limit{600 * 1024, 600 * 1024};
    setrlimit(RLIMIT_FSIZE, &limit);
  });
  CHECK(tool.wait() == 8);
  CAPTURE(tool.err());
  CHECK(contains(tool.err(), db));
  CHECK(contains(tool.err(), "disk"));
  CHECK(contains(tool.err(), "to go on: dsabench resume "));
  CHECK(contains(tool.err(), "[1/32]"));
  const std::int64_t kept = num_trials(db);
  CHECK(kept > 0);
  CHECK(kept < 32);
  CHECK(check_database(db).clean());
  const CliResult resumed = call_cli({"resume", "last", "--db", db, "--progress", "off"});
  CAPTURE(resumed.err);
  CHECK(resumed.code == 0);
  CHECK(check_database(db).clean());
  CHECK(num_trials(db) >= 32);
}

TEST_CASE("results that cannot be written leave the file that was there") {
  const ScratchFolder folder;
  test::write_text(folder / "table.md", "what was there\n");
  ToolProcess tool(folder, {"list", "models", "--output", folder / "table.md"}, [] {
    const rlimit limit{64, 64};
    setrlimit(RLIMIT_FSIZE, &limit);
  });
  CHECK(tool.wait() == 8);
  CHECK(test::read_text(folder / "table.md") == "what was there\n");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 3);

  if (std::filesystem::exists("/dev/full")) {
    const CliResult full = call_cli({"list", "models", "--output", "/dev/full"});
    CHECK(full.code == 8);
    CHECK(test::is_error_line(full.err, "/dev/full"));
  }
}

TEST_CASE("a folder that may not be written is said so, and can be read") {
  const ScratchFolder folder;
  make_database(folder / "runs.db");
  std::filesystem::permissions(folder / "runs.db", std::filesystem::perms(0444));
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  // The superuser may write anywhere; the tool then runs as someone else.
  const auto as_user = [] {
    if (geteuid() == 0 && setuid(65534) != 0) _exit(125);
  };
  const ScratchFolder logs;
  ToolProcess reading(logs, {"list", "runs", "--db", folder / "runs.db"}, as_user);
  const int read_code = reading.wait();
  const std::string listed = reading.out();
  ToolProcess writing(logs, small_run(folder / "runs.db"), as_user);
  const int write_code = writing.wait();
  const std::string message = writing.err();
  ToolProcess creating(logs, small_run(folder / "new.db"), as_user);
  const int create_code = creating.wait();
  const std::string create_message = creating.err();
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
  if (read_code == 125 || read_code == 127) {
    WARN("skipped: the tool cannot be run as another user here");
    return;
  }
  CAPTURE(listed, message, create_message);
  CHECK(read_code == 0);
  CHECK(contains(listed, "done"));
  CHECK(write_code == 8);
  CHECK(contains(message, "runs.db"));
  CHECK(contains(message, "writable"));
  CHECK(create_code == 8);
  CHECK(contains(create_message, "new.db"));
  CHECK(num_trials(folder / "runs.db") == 4);
}

TEST_CASE("a database of a newer schema is read, and says so, and is never written") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  make_database(db);
  SQLite::Database(db, SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 99");
  const CliResult list = call_cli({"list", "runs", "--db", db});
  CHECK(list.code == 0);
  CHECK(contains(list.out, "done"));
  CHECK(contains(list.err, "opened read-only"));
  CHECK(contains(list.err, "schema 99"));
  CHECK(call_cli({"compare", "last", "last", "--db", db}).code == 0);
  for (const std::vector<std::string>& arguments :
       {small_run(db), std::vector<std::string>{"resume", "last", "--db", db},
        std::vector<std::string>{"db", "migrate", "--db", db}}) {
    const CliResult result = call_cli(arguments);
    CAPTURE(arguments, result.err);
    CHECK(result.code == 8);
    CHECK(contains(result.err, "newer dsabench"));
    CHECK(contains(result.err, "99"));
  }
  const CliResult dry = call_cli(small_run(db, {"--dry-run"}));
  CHECK(dry.code == 0);
  CHECK(num_trials(db) == 4);
}

TEST_CASE("a damaged database is found out") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  make_database(db);
  CHECK(call_cli({"db", "check", "--db", db}).code == 0);
  SQLite::Database(db, SQLite::OPEN_READWRITE)
      .exec("PRAGMA wal_checkpoint(TRUNCATE); UPDATE run SET model_json = '{}'");
  CliResult check = call_cli({"db", "check", "--db", db});
  CHECK(check.code == 8);
  CHECK(contains(check.out, "is not the hash of"));

  SQLite::Database(db, SQLite::OPEN_READWRITE).exec("PRAGMA wal_checkpoint(TRUNCATE)");
  std::string bytes = test::read_text(db);
  REQUIRE(bytes.size() > 3 * 4096);
  for (std::size_t i = 4096; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 131 + 7);
  test::write_text(db, bytes);
  check = call_cli({"db", "check", "--db", db});
  CHECK(check.code == 8);
  const CliResult run = call_cli(small_run(db));
  CAPTURE(run.err);
  CHECK(run.code == 8);
  CHECK(contains(run.err, db));
  CHECK(contains(run.err, "damaged"));
  CHECK(test::read_text(db) == bytes);
  const CliResult dry = call_cli(small_run(db, {"--dry-run"}));
  CHECK(dry.code == 0);
}

TEST_CASE("a database that another process holds is waited for, and then said so") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  make_database(db);
  test::HeldChild other = test::locked_by_another(db);
  CliSeams seams = test::quick_seams();
  seams.busy_timeout = std::chrono::milliseconds(100);
  const CliResult locked = call_cli(small_run(db), seams);
  const CliResult list = call_cli({"list", "runs", "--db", db}, seams);
  other.end();
  CAPTURE(locked.err);
  CHECK(locked.code == 8);
  CHECK(contains(locked.err, "another process"));
  CHECK(list.code == 0);  // readers do not wait for a writer
  CHECK(num_trials(db) == 4);
  CHECK(call_cli(small_run(db), seams).code == 0);
}

TEST_CASE("an export comes back whole, and a run that is there stays as it is") {
  const ScratchFolder folder;
  make_database(folder / "a.db");
  const CliResult exported =
      call_cli({"db", "export", folder / "runs.jsonl", "--db", folder / "a.db"});
  CHECK(exported.code == 0);
  const CliResult text = call_cli({"db", "export", "-", "--db", folder / "a.db"});
  CHECK(text.out == test::read_text(folder / "runs.jsonl"));
  const CliResult imported =
      call_cli({"db", "import", folder / "runs.jsonl", "--db", folder / "b.db"});
  CAPTURE(imported.err);
  CHECK(imported.code == 0);
  CHECK(contains(imported.out, "added"));
  CHECK(call_cli({"db", "export", "-", "--db", folder / "b.db"}).out == text.out);
  const CliResult again =
      call_cli({"db", "import", folder / "runs.jsonl", "--db", folder / "b.db"});
  CHECK(again.code == 0);
  CHECK(contains(again.out, "there already"));

  SQLite::Database(folder / "b.db", SQLite::OPEN_READWRITE).exec("UPDATE run SET seed = 5");
  const CliResult refused =
      call_cli({"db", "import", folder / "runs.jsonl", "--db", folder / "b.db"});
  CHECK(refused.code == 8);
  CHECK(contains(refused.out, "refused"));
  test::write_text(folder / "cut.jsonl", text.out.substr(0, text.out.size() / 2));
  const CliResult cut = call_cli({"db", "import", folder / "cut.jsonl", "--db", folder / "c.db"});
  CHECK(cut.code == 2);
  CHECK(contains(cut.err, "cut.jsonl"));
}

}  // namespace
}  // namespace dsabench
