/// Searches in the database: whole, apart from measurements, and carried by exports.
#include <SQLiteCpp/SQLiteCpp.h>

#include <limits>
#include <sstream>
#include <tuple>

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

auto search_fields(const SearchedFlip& f) {
  return std::tie(f.calibration, f.method, f.step, f.position, f.from_pattern, f.layer, f.loss,
                  f.given_up, f.kept);
}
auto search_fields(const SearchedPattern& p) {
  return std::tie(p.calibration, p.method, p.pattern, p.retention, p.loss);
}
template <class Record>
bool all_same(const std::vector<Record>& a, const std::vector<Record>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Record& x, const Record& y) {
    return search_fields(x) == search_fields(y);
  });
}
bool same(const SearchRecord& a, const SearchRecord& b) {
  return std::tie(a.run_id, a.interrupted, a.settings_json) ==
             std::tie(b.run_id, b.interrupted, b.settings_json) &&
         all_same(a.flips, b.flips) && all_same(a.patterns, b.patterns);
}

struct StoredSearch {
  RunRecord run;
  SearchRecord search;
};

/// A random one, with hostile text where text comes from outside.
StoredSearch random_search(Random& random) {
  StoredSearch made{random_run(random), {}};
  made.run.status = kSearchStatus;
  made.run.continuations.clear();
  SearchRecord& search = made.search;
  search.run_id = made.run.run_id;
  search.interrupted = random.integer(0, 1) == 1;
  search.settings_json = hostile_text(random);
  for (std::int64_t calibration = 0; calibration < 2; ++calibration) {
    for (const std::string method : {"beam 4", "greedy"}) {
      for (std::int64_t step = 0; step < random.integer(1, 3); ++step) {
        for (std::int64_t position = 0; position < 3; ++position) {
          search.flips.push_back({calibration, method, step, position, "FFFF", position + 1,
                                  random.uniform(0.0, 9.0), position == 2, position == 0});
        }
      }
      search.patterns.push_back({calibration, method, "FFSS", "1/2", random.uniform()});
    }
  }
  search.flips.back().loss = std::numeric_limits<double>::infinity();
  return made;
}

void add(const std::string& path, const StoredSearch& made) {
  ResultStore::open(path, Mode::read_write).add_search(made.run, made.search);
}

TEST_CASE("a search comes back as it was stored, and only it is one") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const std::string path = folder / "a.db";
  for (int i = 0; i < 10; ++i) {
    const StoredSearch made = random_search(random);
    add(path, made);
    const ResultStore store = ResultStore::open(path, Mode::read_only);
    const auto loaded = store.load_search(made.run.run_id);
    REQUIRE(loaded);
    CHECK(same(*loaded, made.search));
    const RunResults run = store.load_run(made.run.run_id);
    check_equal(run.run, made.run);
    CHECK(run.plan.empty());
    CHECK(run.trials.empty());
    CHECK_FALSE(store.load_profile(made.run.run_id));
  }
  const RunResults measured = fixture_run();
  ResultStore store = ResultStore::open(path, Mode::read_write);
  store.add_run(measured.run, measured.plan);
  CHECK_FALSE(store.load_search(measured.run.run_id));
  CHECK_THROWS_AS(store.load_search("no-such-run"), InvalidArgument);
}

TEST_CASE("a search is written whole or not at all") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  StoredSearch made = random_search(random);
  ResultStore store = ResultStore::open(folder / "a.db", Mode::read_write);
  const auto refused = [&] {
    CHECK_THROWS_AS(store.add_search(made.run, made.search), StoreError);
    CHECK(store.list_runs().empty());
  };
  made.run.status = "done";
  refused();
  made.run.status = kSearchStatus;
  made.search.flips.push_back(made.search.flips.front());
  refused();
  made.search.flips.pop_back();
  made.search.patterns.back().loss = std::numeric_limits<double>::quiet_NaN();
  refused();
  made.search.patterns.back().loss = 0.5;
  store.add_search(made.run, made.search);
  CHECK(store.list_runs().size() == 1);
}

TEST_CASE("exports carry searches, and every change makes it another one") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const std::string path = folder / "a.db", copy = folder / "b.db";
  const StoredSearch made = random_search(random);
  add(path, made);
  const std::string text = exported(path);
  const auto import_into = [&](const std::string& database) {
    std::istringstream in(text);
    return import_database(in, "export.jsonl", database);
  };
  CHECK(import_into(copy).added.size() == 1);
  CHECK((exported(copy) == text));
  CHECK(same(*ResultStore::open(copy, Mode::read_only).load_search(made.run.run_id), made.search));
  CHECK(import_into(copy).skipped.size() == 1);
  for (const char* change :
       {"UPDATE search SET settings_json = 'another'", "UPDATE search_flip SET loss = -1",
        "UPDATE search_flip SET kept = 1 - kept", "UPDATE search_pattern SET retention = 'x'"}) {
    CAPTURE(change);
    const std::string changed = folder / "c.db";
    std::filesystem::copy_file(path, changed, std::filesystem::copy_options::overwrite_existing);
    SQLite::Database(changed, SQLite::OPEN_READWRITE).exec(change);
    CHECK(import_into(changed).refused.size() == 1);
  }
}

TEST_CASE("what a search must not be is found and named") {
  DSABENCH_SEEDED(random);
  StoredSearch made = random_search(random);
  made.run.machine_json = made.run.build_json = made.run.model_json = "{}";
  const std::vector<std::pair<const char*, const char*>> breaks = {
      {"UPDATE run SET status = 'done'", "its status is done, and it has a search"},
      {"DELETE FROM search_flip; DELETE FROM search_pattern; DELETE FROM search",
       "its status is search, and it has no search"},
      {"INSERT INTO cell SELECT 'c', '{}', '', '', '', '', '', '', '', '', 0, 0;"
       "INSERT INTO planned_cell SELECT run_id, 'c', 0, '', '', '' FROM search",
       "is a search and has cells"},
      {"UPDATE search_flip SET from_pattern = 'FSFF' WHERE layer = 1 AND step = 0 AND"
       " calibration = 0 AND method = 'greedy'",
       "greedy flips layer 1 of FSFF, which is not Full"}};
  for (const auto& [change, detail] : breaks) {
    CAPTURE(change);
    const ScratchFolder folder;
    const std::string path = folder / "a.db";
    add(path, made);
    SQLite::Database(path, SQLite::OPEN_READWRITE).exec(change);
    std::string found;
    for (const Finding& finding : check_database(path).findings) {
      if (finding.check == "search") found += finding.detail;
    }
    CHECK(contains(found, detail));
  }
}

}  // namespace
}  // namespace dsabench::test
