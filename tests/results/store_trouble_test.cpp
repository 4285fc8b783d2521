// Disks that are full, folders that cannot be written, damage and foreign locks, for whole-file
// operations: an error of the right type that names the file, and nothing lost.
#include <SQLiteCpp/SQLiteCpp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <sstream>

#include "results/exchange.h"
#include "results/maintenance.h"
#include "results/store.h"
#include "tests/results/fixture_files.h"
#include "tests/results/fixture_run.h"
#include "tests/results/foreign_lock.h"
#include "tests/results/random_records.h"
#include "tests/support/catch.h"
#include "tests/support/child_process.h"
#include "tests/support/error_message.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

using Mode = ResultStore::Mode;

/// Makes every file that grows past `bytes` fail, in this process for good.
bool limit_file_size(rlim_t bytes) {
  signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, bytes};
  return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

/// Mounts an empty disk of a megabyte that this process alone sees; false where that is not
/// allowed.
bool mount_small_disk(const std::string& folder) {
  const std::string user = std::to_string(geteuid()), group = std::to_string(getegid());
  if (geteuid() != 0) {
    if (unshare(CLONE_NEWUSER) != 0) return false;
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << "0 " + user + " 1";
    std::ofstream("/proc/self/gid_map") << "0 " + group + " 1";
  }
  return unshare(CLONE_NEWNS) == 0 &&
         mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("none", folder.c_str(), "tmpfs", 0, "size=1m") == 0;
}

bool drop_privileges() { return geteuid() != 0 || seteuid(65534) == 0; }

std::size_t num_files(const ScratchFolder& folder) {
  const std::filesystem::directory_iterator files(folder.path());
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

std::string write_large_run(Random& random, const std::string& path) {
  ResultStore store = ResultStore::open(path, Mode::read_write);
  const RunRecord run = random_run(random);
  const auto plan = random_plan(random, 1);
  store.add_run(run, plan);
  TrialRecord trial;
  trial.run_id = run.run_id;
  trial.cell_id = plan[0].cell.cell_id;
  for (trial.repeat = 0; trial.repeat < 40; ++trial.repeat) {
    trial.reason = std::string(100'000, 'x');  // in all more than SQLite keeps in memory
    store.add_trial(trial);
  }
  return run.run_id;
}

TEST_CASE("an import that does not fit leaves the database as it was") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder, elsewhere;
  const std::string path = folder / "a.db", other = elsewhere / "b.db";
  std::filesystem::copy_file(kFixtures + "schema_v7.sqlite", path);
  write_large_run(random, other);
  const std::string text = exported(other), before = exported(path);
  CHECK(succeeds_in_child([&] {
    if (!limit_file_size(200'000)) return false;
    std::istringstream in(text);
    const auto message = message_of<StoreError>([&] { import_database(in, "b.jsonl", path); });
    return contains(message, path) && contains(message, "full disk");
  }));
  CHECK(exported(path) == before);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    CHECK_FALSE(contains(entry.path().string(), ".import."));
  }
}

TEST_CASE("a migration whose backup does not fit changes nothing") {
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::filesystem::copy_file(kFixtures + "schema_v1.sqlite", path);
  CHECK(succeeds_in_child([&] {
    if (!limit_file_size(8'000)) return false;
    const auto message = message_of<StoreError>([&] { migrate_database(path); });
    return contains(message, path) && contains(message, "full disk");
  }));
  CHECK(check_database(path).schema_version == 1);
  CHECK_FALSE(std::filesystem::exists(path + ".v1.bak"));
  const RunResults expected = fixture_run();
  check_equal(ResultStore::open(path, Mode::read_write).load_run(expected.run.run_id).trials,
              expected.trials);
}

TEST_CASE("a disk that fills up stops the writer, who goes on when there is space again") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const RunRecord run = random_run(random);
  const auto plan = random_plan(random, 1);
  constexpr int kNoMount = 77;
  const pid_t child = start_child([&] {
    if (!mount_small_disk(folder.path())) _exit(kNoMount);
    const std::string path = folder / "a.db", ballast = folder / "ballast";
    std::ofstream(ballast) << std::string(400'000, 'x') << std::flush;
    ResultStore store = ResultStore::open(path, Mode::read_write);
    store.add_run(run, plan);
    TrialRecord trial;
    trial.run_id = run.run_id;
    trial.cell_id = plan[0].cell.cell_id;
    trial.reason = std::string(10'000, 'x');
    std::string message;
    for (; message.empty() && trial.repeat < 1000; ++trial.repeat) {
      message = message_of<StoreError>([&] { store.add_trial(trial); });
    }
    const std::int64_t written = --trial.repeat;
    if (!contains(message, path) || !contains(message, "disk is full")) return false;
    if (std::ssize(store.load_run(run.run_id).trials) != written) return false;
    std::filesystem::remove(ballast);
    store.add_trial(trial);
    return written > 5 && std::ssize(store.load_run(run.run_id).trials) == written + 1 &&
           store.load_run(run.run_id).trials.back().reason == trial.reason;
  });
  const int status = wait_for(child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNoMount) {
    WARN("this user may not mount a small disk: not tested");
    return;
  }
  CHECK(status == 0);
}

TEST_CASE("a folder that cannot be written takes no import and no migration, and gives exports") {
  ScratchFolder folder, elsewhere;
  const std::string v1 = folder / "v1.db", v2 = folder / "v2.db";
  std::filesystem::copy_file(kFixtures + "schema_v1.sqlite", v1);
  std::filesystem::copy_file(kFixtures + "schema_v7.sqlite", v2);
  const std::string text = exported(v2);
  for (const std::string& path : {v1, v2}) REQUIRE(chmod(path.c_str(), 0666) == 0);
  REQUIRE(chmod(folder.path().c_str(), 0555) == 0);
  const auto refuses = [&](auto call, const std::string& path) {
    return succeeds_in_child(
        [&] { return drop_privileges() && contains(message_of<StoreError>(call), path); });
  };
  CHECK(refuses([&] { migrate_database(v1); }, v1));
  CHECK(refuses(
      [&] {
        std::istringstream in(text);
        import_database(in, "text", v2);
      },
      v2));
  CHECK(succeeds_in_child([&] { return drop_privileges() && exported(v2) == text; }));
  CHECK(succeeds_in_child([&] { return drop_privileges() && check_database(v2).clean(); }));
  REQUIRE(chmod(folder.path().c_str(), 0755) == 0);
  CHECK(num_files(folder) == 2);
  CHECK(check_database(v1).schema_version == 1);
  CHECK(exported(v2) == text);
}

TEST_CASE("damage stops exports and imports with a message") {
  DSABENCH_SEEDED(random);
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  write_large_run(random, path);
  std::string bytes = read_text(path);
  REQUIRE(bytes.size() > 400'000);
  std::fill(bytes.begin() + 8192, bytes.end(), '\x5a');
  write_text(path, bytes);
  const auto message = message_of<StoreError>([&] { exported(path); });
  CHECK(contains(message, path));
  CHECK(contains(message, "damaged"));
  const std::string text = exported(kFixtures + "schema_v7.sqlite");
  const auto refused = message_of<StoreError>([&] {
    std::istringstream in(text);
    import_database(in, "text", path);
  });
  CHECK(contains(refused, path));
  CHECK(contains(refused, "damaged"));
  CHECK_FALSE(check_database(path).clean());
}

TEST_CASE("a foreign lock on writing keeps no reader away, one on the whole file is named") {
  ScratchFolder folder;
  const std::string path = folder / "a.db";
  std::filesystem::copy_file(kFixtures + "schema_v7.sqlite", path);
  const bool wal = GENERATE(true, false);
  CAPTURE(wal);
  if (wal) ResultStore::open(path, Mode::read_write);
  const std::string before = exported(path);
  HeldChild other = locked_by_another(path);
  if (wal) {
    CHECK(exported(path) == before);
    CHECK(check_database(path).clean());
  } else {
    const auto message = message_of<StoreError>(
        [&] { ResultStore::open(path, Mode::read_only, std::chrono::milliseconds(50)); });
    CHECK(contains(message, "another process kept it locked"));
    CHECK(contains(message, path));
  }
  other.end();
  CHECK(exported(path) == before);
}

}  // namespace
}  // namespace dsabench::test
