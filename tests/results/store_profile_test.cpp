/// Profiles in the database: whole, apart from measurements, and carried by exports.
#include <SQLiteCpp/SQLiteCpp.h>

#include <sstream>
#include <tuple>

#include "results/maintenance.h"
#include "results/report/table.h"
#include "tests/results/fixture_files.h"
#include "tests/results/fixture_run.h"
#include "tests/results/random_records.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

using Mode = ResultStore::Mode;

auto profile_fields(const StageTime& t) {
  return std::tie(t.metric, t.sample, t.layer, t.stage, t.nanoseconds);
}
auto profile_fields(const ProfiledKernel& k) {
  return std::tie(k.layer, k.stage, k.name, k.launches, k.nanoseconds, k.bytes);
}
template <class Record>
bool all_equal_rows(const std::vector<Record>& a, const std::vector<Record>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Record& x, const Record& y) {
    return profile_fields(x) == profile_fields(y);
  });
}
bool same(const ProfileRecord& a, const ProfileRecord& b) {
  return std::tie(a.run_id, a.cell_id, a.tracer, a.dropped_records, a.verification_json,
                  a.conditions_json, a.timed, a.watched) ==
             std::tie(b.run_id, b.cell_id, b.tracer, b.dropped_records, b.verification_json,
                      b.conditions_json, b.timed, b.watched) &&
         all_equal_rows(a.timed_stages, b.timed_stages) &&
         all_equal_rows(a.watched_stages, b.watched_stages) && all_equal_rows(a.kernels, b.kernels);
}

struct StoredProfile {
  RunRecord run;
  PlannedCell planned;
  ProfileRecord profile;
};

/// A random one, with hostile text where text comes from outside.
StoredProfile random_profile(Random& random) {
  StoredProfile made{random_run(random), random_plan(random, 1).front(), {}};
  made.run.status = kProfileStatus;
  made.run.continuations.clear();
  ProfileRecord& profile = made.profile;
  profile.run_id = made.run.run_id;
  profile.cell_id = made.planned.cell.cell_id;
  profile.tracer = hostile_text(random);
  profile.dropped_records = random.integer(0, 9);
  profile.verification_json = hostile_text(random);
  profile.conditions_json = hostile_text(random);
  for (std::int64_t i = random.integer(1, 20); i > 0; --i) {
    profile.timed.push_back(random.integer(1, 1'000'000));
  }
  profile.watched = {random.integer(1, 1'000'000)};
  const std::string& phase = made.planned.cell.phase;
  for (std::int64_t sample = 0; sample < 2; ++sample) {
    for (std::int64_t layer = -1; layer < random.integer(0, 4); ++layer) {
      profile.timed_stages.push_back({phase, sample, layer, "moe", random.integer(1, 1000)});
    }
  }
  profile.watched_stages = {{phase, 0, 0, "moe", 5}, {phase, 0, 0, "topk", 7}};
  for (std::int64_t i = 0; i < random.integer(0, 5); ++i) {
    profile.kernels.push_back({i, random.choice<std::string>({"", "moe"}), hostile_text(random),
                               random.integer(1, 99), random.integer(0, 999'999),
                               random.integer(0, 9)});
  }
  return made;
}

void add(const std::string& path, const StoredProfile& made) {
  ResultStore::open(path, Mode::read_write).add_profile(made.run, made.planned, made.profile);
}

TEST_CASE("a profile comes back as it was stored, and only it is one") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const std::string path = folder / "a.db";
  for (int i = 0; i < 10; ++i) {
    const StoredProfile made = random_profile(random);
    add(path, made);
    const ResultStore store = ResultStore::open(path, Mode::read_only);
    const auto loaded = store.load_profile(made.run.run_id);
    REQUIRE(loaded);
    CHECK(same(*loaded, made.profile));
    const RunResults run = store.load_run(made.run.run_id);
    check_equal(run.run, made.run);
    CHECK(run.plan.size() == 1);
    CHECK(run.trials.empty());
  }
  const RunResults measured = fixture_run();
  ResultStore store = ResultStore::open(path, Mode::read_write);
  store.add_run(measured.run, measured.plan);
  CHECK_FALSE(store.load_profile(measured.run.run_id));
  CHECK_THROWS_AS(store.load_profile("no-such-run"), InvalidArgument);
}

TEST_CASE("no table takes a profile's times for measured ones") {
  const ScratchFolder folder;
  const std::string path = folder / "a.db";
  // The profile of a cell that a run measured too.
  const RunResults measured = fixture_run();
  {
    ResultStore store = ResultStore::open(path, Mode::read_write);
    store.add_run(measured.run, measured.plan);
    for (const TrialRecord& trial : measured.trials) store.add_trial(trial);
  }
  const auto times = [&] {
    SQLite::Database db(path);
    return db.execAndGet("SELECT count(*) || ' ' || sum(samples) FROM speed").getString();
  };
  const std::string before = times();
  DSABENCH_SEEDED(random);
  StoredProfile made = random_profile(random);
  made.planned = measured.plan[0];
  made.profile.cell_id = made.planned.cell.cell_id;
  made.profile.timed = {1};
  add(path, made);
  CHECK(times() == before);
  const Table table =
      speed_table(ResultStore::open(path, Mode::read_only).load_run(made.run.run_id));
  REQUIRE(table.rows.size() == 1);
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].key == "prefill_ms") {
      CHECK(std::holds_alternative<std::monostate>(table.rows[0][i]));
    }
    if (table.columns[i].key == "outcome")
      CHECK(std::get<std::string>(table.rows[0][i]) == "not run");
  }
}

TEST_CASE("a profile is written whole or not at all") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const std::string path = folder / "a.db";
  StoredProfile made = random_profile(random);
  ResultStore store = ResultStore::open(path, Mode::read_write);
  made.run.status = "done";
  CHECK_THROWS_AS(store.add_profile(made.run, made.planned, made.profile), StoreError);
  made.run.status = kProfileStatus;
  made.profile.kernels = {{0, "moe", "k", 1, 1, 0}, {0, "moe", "k", 1, 1, 0}};
  CHECK_THROWS_AS(store.add_profile(made.run, made.planned, made.profile), StoreError);
  CHECK(store.list_runs().empty());
}

TEST_CASE("exports carry profiles, and every change makes it another one") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const std::string path = folder / "a.db", copy = folder / "b.db";
  StoredProfile made = random_profile(random);
  made.profile.kernels = {{0, "moe", "k", 1, 1, 0}};
  add(path, made);
  const std::string text = exported(path);
  const auto import_into = [&](const std::string& database) {
    std::istringstream in(text);
    return import_database(in, "export.jsonl", database);
  };
  CHECK(import_into(copy).added.size() == 1);
  CHECK((exported(copy) == text));
  CHECK(
      same(*ResultStore::open(copy, Mode::read_only).load_profile(made.run.run_id), made.profile));
  CHECK(import_into(copy).skipped.size() == 1);
  for (const char* change :
       {"UPDATE profile SET tracer = 'another'", "UPDATE profile_value SET nanoseconds = 0",
        "UPDATE profile_stage SET nanoseconds = 0", "UPDATE profile_kernel SET launches = 77"}) {
    CAPTURE(change);
    const std::string changed = folder / "c.db";
    std::filesystem::copy_file(path, changed, std::filesystem::copy_options::overwrite_existing);
    SQLite::Database(changed, SQLite::OPEN_READWRITE).exec(change);
    CHECK(import_into(changed).refused.size() == 1);
  }
}

TEST_CASE("what a profile must not be is found and named") {
  DSABENCH_SEEDED(random);
  StoredProfile made = random_profile(random);
  made.profile.timed = {3, 4};
  made.run.machine_json = made.run.build_json = made.run.model_json = "{}";
  const std::vector<std::pair<const char*, const char*>> breaks = {
      {"UPDATE run SET status = 'done'", "its status is done, and it has a profile"},
      {"DELETE FROM profile_value; DELETE FROM profile_stage; DELETE FROM profile_kernel;"
       "DELETE FROM profile",
       "its status is profile, and it has no profile"},
      {"INSERT INTO trial (run_id, cell_id, repeat, started_ms, finished_ms, process_id, outcome,"
       " reason, stop_reason, num_warmups, verification_json, conditions_json)"
       " SELECT run_id, cell_id, 0, 0, 0, 0, 'failed', '', '', 0, '', '' FROM profile",
       "is a profile and has trials"},
      {"DELETE FROM profile_value WHERE watched = 0 AND position = 0",
       "1 values of a profile at positions 1 to 1"}};
  for (const auto& [change, detail] : breaks) {
    CAPTURE(change);
    const ScratchFolder folder;
    const std::string path = folder / "a.db";
    add(path, made);
    SQLite::Database(path, SQLite::OPEN_READWRITE).exec(change);
    std::string found;
    for (const Finding& finding : check_database(path).findings) {
      if (finding.check == "profile") found += finding.detail;
    }
    CHECK(contains(found, detail));
  }
}

}  // namespace
}  // namespace dsabench::test
