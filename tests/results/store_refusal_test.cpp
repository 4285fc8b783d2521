#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>

#include "results/store.h"
#include "results/store/store_error.h"
#include "tests/results/foreign_lock.h"
#include "tests/results/random_records.h"
#include "tests/support/catch.h"
#include "tests/support/child_process.h"
#include "tests/support/error_message.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

using Mode = ResultStore::Mode;

std::string refusal(const std::string& path, Mode mode = Mode::read_write) {
  return message_of<StoreError>([&] { ResultStore::open(path, mode); });
}

/// A trial of a few tens of kilobytes.
TrialRecord large_trial(const std::string& run_id, const std::string& cell_id,
                        std::int64_t repeat) {
  TrialRecord trial;
  trial.run_id = run_id;
  trial.cell_id = cell_id;
  trial.repeat = repeat;
  trial.outcome = TrialOutcome::ok;
  trial.reason = std::string(40'000, 'x');
  return trial;
}

TEST_CASE("files that are no results database are refused and left as they are") {
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  SECTION("text") {
    const std::string text(5000, 'a');
    write_text(path, text);
    CHECK(contains(refusal(path), "not a SQLite database"));
    CHECK(contains(refusal(path), path));
    CHECK(read_text(path) == text);
  }
  SECTION("a database of another program") {
    {
      SQLite::Database db(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
      db.exec("CREATE TABLE bookmarks (url TEXT)");
    }
    const std::string before = read_text(path);
    CHECK(contains(refusal(path), "another program"));
    CHECK(contains(refusal(path, Mode::read_only), "another program"));
    CHECK(read_text(path) == before);
  }
  SECTION("a foreign application id on an empty database") {
    {
      SQLite::Database db(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
      db.exec("PRAGMA application_id = 252006673");
    }
    CHECK(contains(refusal(path), "another program"));
  }
  SECTION("a missing directory") {
    CHECK(contains(refusal(folder / "no/such/a.db"), "directory does not exist"));
  }
  SECTION("a directory") { CHECK(contains(refusal(folder.path()), "this is a directory")); }
  SECTION("an empty path") { CHECK_FALSE(refusal("").empty()); }
  SECTION("a missing file, to read") {
    CHECK(contains(refusal(path, Mode::read_only), "no such file"));
    CHECK_FALSE(std::filesystem::exists(path));
  }
  SECTION("an empty file, to read") {
    write_text(path, "");
    CHECK(contains(refusal(path, Mode::read_only), "empty"));
  }
}

TEST_CASE("a database that another program keeps locked is given up with a message") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  constexpr std::chrono::milliseconds kPatience(50);
  ResultStore store = ResultStore::open(path, Mode::read_write, kPatience);
  HeldChild other = locked_by_another(path);
  const RunRecord run = random_run(random);
  const auto message = message_of<StoreError>([&] { store.add_run(run, {}); });
  CHECK(contains(message, "another process kept it locked"));
  CHECK(contains(message, path));
  other.end();
  store.add_run(run, {});
  CHECK(store.list_runs().size() == 1);
}

TEST_CASE("a damaged database says so") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  const RunRecord run = random_run(random);
  {
    ResultStore store = ResultStore::open(path, Mode::read_write);
    const auto plan = random_plan(random, 1);
    store.add_run(run, plan);
    for (int i = 0; i < 8; ++i) store.add_trial(large_trial(run.run_id, plan[0].cell.cell_id, i));
  }
  std::string bytes = read_text(path);
  REQUIRE(bytes.size() > 200'000);
  SECTION("cut short") { bytes.resize(bytes.size() / 2); }
  SECTION("overwritten") { std::fill(bytes.begin() + 4096, bytes.end(), '\x5a'); }
  write_text(path, bytes);
  const auto message = message_of<StoreError>(
      [&] { ResultStore::open(path, Mode::read_only).load_run(run.run_id); });
  CHECK(contains(message, "damaged"));
  CHECK(contains(message, path));
}

TEST_CASE("a store opened for reading does not write") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  ResultStore::open(path, Mode::read_write);
  ResultStore store = ResultStore::open(path, Mode::read_only);
  CHECK(contains(message_of<StoreError>([&] { store.add_run(random_run(random), {}); }),
                 "reading only"));
}

TEST_CASE("files and folders without write permission are refused for writing, and read") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  const RunRecord run = random_run(random);
  ResultStore::open(path, Mode::read_write).add_run(run, {});
  REQUIRE(chmod(path.c_str(), 0444) == 0);
  const auto unprivileged = [&](auto body) {
    return succeeds_in_child([&] {
      if (geteuid() == 0 && seteuid(65534) != 0) return false;
      return body();
    });
  };
  const auto refused = [&] { return contains(refusal(path), "not writable"); };
  const auto readable = [&] {
    return ResultStore::open(path, Mode::read_only).load_run(run.run_id).run.run_id == run.run_id;
  };
  SECTION("the file") {
    REQUIRE(chmod(folder.path().c_str(), 0777) == 0);
    CHECK(unprivileged(refused));
    CHECK(unprivileged(readable));
  }
  SECTION("file and folder") {
    REQUIRE(chmod(folder.path().c_str(), 0555) == 0);
    CHECK(unprivileged(refused));
    CHECK(unprivileged(readable));
  }
  SECTION("the folder of a new file") {
    REQUIRE(chmod(folder.path().c_str(), 0555) == 0);
    CHECK(unprivileged([&] { return contains(refusal(folder / "new.db"), "cannot be opened"); }));
  }
  chmod(folder.path().c_str(), 0755);
}

TEST_CASE("a file that may not grow stops the writer and keeps what was committed") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  const RunRecord run = random_run(random);
  const auto plan = random_plan(random, 1);
  ResultStore::open(path, Mode::read_write).add_run(run, plan);
  const std::string count = folder / "count";
  CHECK(succeeds_in_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{2 << 20, 2 << 20};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    ResultStore store = ResultStore::open(path, Mode::read_write);
    for (std::int64_t written = 0; written < 1000; ++written) {
      const auto message = message_of<StoreError>(
          [&] { store.add_trial(large_trial(run.run_id, plan[0].cell.cell_id, written)); });
      if (message.empty()) continue;
      std::ofstream(count) << written;
      return contains(message, path) && contains(message, "full disk");
    }
    return false;
  }));
  const std::size_t written = std::stoul(read_text(count));
  CHECK(written > 10);
  ResultStore store = ResultStore::open(path, Mode::read_write);
  CHECK(store.load_run(run.run_id).trials.size() == written);
  store.add_trial(large_trial(run.run_id, plan[0].cell.cell_id, 5000));
}

TEST_CASE("SQLite's own full-disk error reads as one") {
  SQLite::Database db(":memory:", SQLite::OPEN_READWRITE);
  db.exec("CREATE TABLE t (x BLOB); PRAGMA max_page_count = 4");
  const auto message = message_of<StoreError>([&] {
    store::with_store_errors("results.db", "add a trial",
                             [&] { db.exec("INSERT INTO t VALUES (zeroblob(100000))"); });
  });
  CHECK(contains(message, "results.db: cannot add a trial: the disk is full"));
}

}  // namespace
}  // namespace dsabench::test
