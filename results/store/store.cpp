#include "results/store.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "kernels/base/error.h"
#include "results/store/connection.h"
#include "results/store/migrations.h"
#include "results/store/process.h"
#include "results/store/rows.h"
#include "results/store/store_error.h"
#include "results/store/store_state.h"

namespace dsabench {

int current_schema_version() { return static_cast<int>(store::all_migrations().size()); }

ResultStore::ResultStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
ResultStore::ResultStore(ResultStore&&) noexcept = default;
ResultStore& ResultStore::operator=(ResultStore&&) noexcept = default;
ResultStore::~ResultStore() = default;

ResultStore ResultStore::open(const std::string& path, Mode mode,
                              std::chrono::milliseconds busy_timeout) {
  return store::with_store_errors(path, "open the database", [&] {
    store::require_sqlite_version();
    auto state = std::make_unique<State>(State{path, mode,
                                               mode == Mode::read_only
                                                   ? store::open_for_reading(path, busy_timeout)
                                                   : store::open_and_migrate(path, busy_timeout)});
    const store::FileIdentity identity = store::read_identity(state->db);
    store::require_dsabench(identity, path, false);
    if (identity.schema_version < current_schema_version()) {
      throw StoreError(fmt::format(
          "{}: cannot read the database: its schema is older; migrate it with \"dsabench db "
          "migrate\" (schema {}, this build reads {})",
          path, identity.schema_version, current_schema_version()));
    }
    state->schema_version = identity.schema_version;
    return ResultStore(std::move(state));
  });
}

bool ResultStore::is_newer_schema() const {
  return state_->schema_version > current_schema_version();
}
int ResultStore::schema_version() const { return state_->schema_version; }
const std::string& ResultStore::path() const { return state_->path; }

void ResultStore::add_run(const RunRecord& run, const std::vector<PlannedCell>& plan) {
  state_->write("add run " + run.run_id, [&] {
    store::insert_run(state_->db, run);
    store::insert_plan(state_->db, run.run_id, plan);
    if (run.status == "running") store::insert_run_process(state_->db, run.run_id);
  });
}

void ResultStore::add_trial(const TrialRecord& trial) {
  state_->write(
      fmt::format("add repeat {} of cell {} to run {}", trial.repeat, trial.cell_id, trial.run_id),
      [&] {
        store::insert_trial(state_->db, trial);
        store::delete_running_trial(state_->db, trial.run_id, trial.cell_id, trial.repeat);
      });
}

void ResultStore::begin_trial(const std::string& run_id, const std::string& cell_id,
                              std::int64_t repeat, std::int64_t started_ms) {
  RunningTrial trial;
  trial.run_id = run_id;
  trial.cell_id = cell_id;
  trial.repeat = repeat;
  trial.started_ms = started_ms;
  static_cast<ProcessMark&>(trial) = store::current_process();
  state_->write(fmt::format("begin repeat {} of cell {} of run {}", repeat, cell_id, run_id),
                [&] { store::insert_running_trial(state_->db, trial); });
}

std::vector<RunningTrial> ResultStore::record_crashes(const std::string& run_id,
                                                      std::int64_t now_ms) {
  std::vector<RunningTrial> crashed;
  state_->write("record the crashed trials of run " + run_id, [&] {
    crashed = store::read_running_trials(state_->db, run_id);
    std::erase_if(crashed, store::is_alive);
    if (crashed.empty()) return;
    const RunRecord run = store::read_run(state_->db, run_id);
    for (const RunningTrial& marker : crashed) {
      store::insert_trial(state_->db,
                          ended_trial(run, marker, TrialOutcome::failed, kCrashReason, now_ms));
      store::delete_running_trial(state_->db, marker.run_id, marker.cell_id, marker.repeat);
    }
  });
  return crashed;
}

std::optional<std::int64_t> ResultStore::claim_run(const std::string& run_id) {
  std::optional<std::int64_t> other;
  state_->write("take over run " + run_id, [&] {
    other = store::other_process_of(state_->db, run_id);
    if (!other) store::insert_run_process(state_->db, run_id);
  });
  return other;
}

void ResultStore::reopen_run(const std::string& run_id, const Continuation& continuation) {
  state_->write("go on with run " + run_id, [&] {
    if (const auto other = store::other_process_of(state_->db, run_id)) {
      throw StoreError(fmt::format("process {} is running it; wait for it or end it", *other));
    }
    SQLite::Statement update(
        state_->db,
        "UPDATE run SET status = 'running', finished_ms = 0,"
        " mixed = mixed OR machine_id <> ?2 OR build_id <> ?3 WHERE run_id = ?1");
    store::execute(update, run_id, continuation.machine_id, continuation.build_id);
    if (update.getChanges() == 0) throw StoreError("there is no such run");
    store::insert_run_process(state_->db, run_id);
    store::insert_continuation(state_->db, run_id, continuation);
  });
}

void ResultStore::add_ceilings(const std::string& run_id, std::vector<Ceiling> ceilings) {
  state_->write("add ceilings to run " + run_id, [&] {
    SQLite::Statement count(state_->db, "SELECT count(*) FROM continuation WHERE run_id = ?");
    count.bind(1, run_id);
    count.executeStep();
    for (Ceiling& ceiling : ceilings) {
      ceiling.continuation = count.getColumn(0).getInt64() - 1;
    }
    store::insert_ceilings(state_->db, run_id, ceilings);
  });
}

void ResultStore::finish_run(const std::string& run_id, const std::string& status,
                             std::int64_t finished_ms) {
  state_->write("finish run " + run_id, [&] {
    SQLite::Statement update(state_->db,
                             "UPDATE run SET status = ?, finished_ms = ? WHERE run_id = ?");
    store::execute(update, status, finished_ms, run_id);
    if (update.getChanges() == 0) throw StoreError("there is no such run");
    store::delete_run_process(state_->db, run_id);
  });
}

void ResultStore::add_profile(const RunRecord& run, const PlannedCell& planned,
                              const ProfileRecord& profile) {
  state_->write("add profile " + run.run_id, [&] {
    if (run.status != kProfileStatus) throw StoreError("status of a profile: " + run.status);
    store::insert_run(state_->db, run);
    store::insert_plan(state_->db, run.run_id, {planned});
    store::insert_profile(state_->db, profile);
  });
}

void ResultStore::add_search(const RunRecord& run, const SearchRecord& search) {
  state_->write("add search " + run.run_id, [&] {
    if (run.status != kSearchStatus) throw StoreError("status of a search: " + run.status);
    store::insert_run(state_->db, run);
    store::insert_search(state_->db, search);
  });
}

std::vector<RunRecord> ResultStore::list_runs() const {
  return state_->read("list runs", [&] { return store::read_runs(state_->db); });
}

RunResults ResultStore::load_run(const std::string& id_or_prefix) const {
  return state_->read("load a run", [&] {
    const std::string run_id = store::find_id(state_->db, "run", id_or_prefix);
    return RunResults{store::read_run(state_->db, run_id), store::read_plan(state_->db, run_id),
                      store::read_trials(state_->db, run_id)};
  });
}

RunResults ResultStore::load_values(const std::string& id_or_prefix) const {
  return state_->read("load a run", [&] {
    const std::string run_id = store::find_id(state_->db, "run", id_or_prefix);
    return RunResults{store::read_run(state_->db, run_id), store::read_plan(state_->db, run_id),
                      store::read_trials(state_->db, run_id, store::TrialParts::values)};
  });
}

RunProgress ResultStore::load_progress(const std::string& id_or_prefix) const {
  return state_->read("load a run", [&] {
    const std::string run_id = store::find_id(state_->db, "run", id_or_prefix);
    return RunProgress{store::read_run(state_->db, run_id), store::read_plan(state_->db, run_id),
                       store::read_tried_pairs(state_->db, run_id),
                       store::read_running_trials(state_->db, run_id)};
  });
}

std::optional<ProfileRecord> ResultStore::load_profile(const std::string& id_or_prefix) const {
  return state_->read("load a profile", [&] {
    return store::read_profile(state_->db, store::find_id(state_->db, "run", id_or_prefix));
  });
}

std::optional<SearchRecord> ResultStore::load_search(const std::string& id_or_prefix) const {
  return state_->read("load a search", [&] {
    return store::read_search(state_->db, store::find_id(state_->db, "run", id_or_prefix));
  });
}

std::vector<ResultStore::PatternUse> ResultStore::list_patterns() const {
  return state_->read("list patterns", [&] {
    SQLite::Statement query(state_->db,
                            "SELECT pattern, pattern_origin, count(DISTINCT cell_id)"
                            " FROM planned_cell JOIN cell USING (cell_id)"
                            " GROUP BY pattern, pattern_origin"
                            " ORDER BY length(pattern), pattern, pattern_origin");
    std::vector<PatternUse> uses;
    while (query.executeStep()) {
      PatternUse& use = uses.emplace_back();
      store::read_row(query, use.pattern, use.origin, use.num_cells);
    }
    return uses;
  });
}

}  // namespace dsabench
