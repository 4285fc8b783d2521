#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "results/store/connection.h"
#include "results/store/merge.h"
#include "results/store/migrations.h"
#include "results/store/rows.h"
#include "results/store/store_state.h"

namespace dsabench {
namespace {

/// Brings what a process of an arm wrote to this build's schema; it may have been of an older
/// build. Returns the only run in it.
std::string only_run_of(const std::string& scratch) {
  return store::with_store_errors(scratch, "take over the run of a sample", [&] {
    {
      SQLite::Database db = store::open_for_reading(scratch, store::kBusyTimeout);
      const store::FileIdentity identity = store::read_identity(db);
      store::require_dsabench(identity, scratch, false);
      if (identity.schema_version > current_schema_version()) {
        throw StoreError(fmt::format(
            "{}: cannot take over the run of a sample: a newer dsabench wrote this database; "
            "compare with the newest of the builds (schema {}, this build reads {})",
            scratch, identity.schema_version, current_schema_version()));
      }
    }
    SQLite::Database db = store::open_for_writing(scratch, store::kBusyTimeout);
    store::migrate(db, scratch, store::all_migrations(), store::Backup::none);
    SQLite::Statement query(db, "SELECT run_id FROM run ORDER BY run_id");
    std::vector<std::string> runs;
    while (query.executeStep()) runs.push_back(query.getColumn(0).getString());
    if (runs.size() != 1) {
      throw StoreError(
          fmt::format("{}: cannot take over the run of a sample: a sample is one run, and the "
                      "database that its process wrote holds {}",
                      scratch, runs.empty() ? "none" : fmt::format("{}", fmt::join(runs, ", "))));
    }
    return runs.front();
  });
}

/// A database beside the store's own, as "incoming".
class Attached {
 public:
  Attached(SQLite::Database& db, const std::string& path) : db_(db) {
    SQLite::Statement attach(db, "ATTACH DATABASE ? AS incoming");
    attach.bind(1, path);
    attach.exec();
  }
  ~Attached() { db_.tryExec("DETACH DATABASE incoming"); }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

 private:
  SQLite::Database& db_;
};

}  // namespace

void ResultStore::add_comparison(const ComparisonRecord& comparison) {
  state_->write("add comparison " + comparison.comparison_id, [&] {
    if (!comparison.samples.empty()) throw StoreError("samples follow one by one");
    store::insert_comparison(state_->db, comparison);
  });
}

std::string ResultStore::add_comparison_sample(const std::string& comparison_id,
                                               ComparisonSample sample,
                                               const std::string& scratch) {
  const std::string action = "add a sample to comparison " + comparison_id;
  state_->require_writable(action);
  std::error_code ignored;
  if (std::filesystem::equivalent(scratch, state_->path, ignored)) {
    throw StoreError(fmt::format("{}: cannot {}: a sample's process writes a database of its own",
                                 state_->path, action));
  }
  sample.run_id = only_run_of(scratch);
  return store::with_store_errors(state_->path, action, [&] {
    const Attached incoming(state_->db, scratch);
    return state_->write(action, [&] {
      if (store::take_over_run(state_->db, sample.run_id) != store::Merged::added) {
        throw StoreError(fmt::format("run {} of {} is stored already", sample.run_id, scratch));
      }
      store::insert_comparison_sample(state_->db, comparison_id, sample);
      return sample.run_id;
    });
  });
}

void ResultStore::finish_comparison(const std::string& comparison_id, const std::string& status,
                                    std::int64_t finished_ms) {
  state_->write("finish comparison " + comparison_id, [&] {
    SQLite::Statement update(
        state_->db, "UPDATE comparison SET status = ?, finished_ms = ? WHERE comparison_id = ?");
    store::execute(update, status, finished_ms, comparison_id);
    if (update.getChanges() == 0) throw StoreError("there is no such comparison");
  });
}

std::vector<ComparisonRecord> ResultStore::list_comparisons() const {
  return state_->read("list comparisons", [&] { return store::read_comparisons(state_->db); });
}

ComparisonRecord ResultStore::load_comparison(const std::string& id_or_prefix) const {
  return state_->read("load a comparison", [&] {
    std::string prefix = id_or_prefix;
    if (prefix == "last") {
      SQLite::Statement last(state_->db,
                             "SELECT comparison_id FROM comparison"
                             " ORDER BY started_ms DESC, comparison_id DESC LIMIT 1");
      if (!last.executeStep()) {
        throw InvalidArgument("there are no comparisons in " + state_->path);
      }
      prefix = last.getColumn(0).getString();
    }
    return store::read_comparison(state_->db, store::find_id(state_->db, "comparison", prefix));
  });
}

BaselineRecord ResultStore::promote_baseline(const std::string& name,
                                             const std::vector<std::string>& runs,
                                             const std::string& note, std::int64_t now_ms) {
  if (name.empty()) throw InvalidArgument("a baseline needs a name");
  if (runs.empty()) throw InvalidArgument("baseline " + name + ": name at least one run");
  BaselineRecord baseline;
  baseline.name = name;
  baseline.promoted_ms = now_ms;
  baseline.note = note;
  return state_->write("promote baseline " + name, [&] {
    for (const std::string& run : runs) {
      baseline.run_ids.push_back(store::find_id(state_->db, "run", run));
    }
    std::sort(baseline.run_ids.begin(), baseline.run_ids.end());
    const auto twice = std::adjacent_find(baseline.run_ids.begin(), baseline.run_ids.end());
    if (twice != baseline.run_ids.end()) {
      throw InvalidArgument(fmt::format("baseline {}: run {} is named twice", name, *twice));
    }
    store::insert_baseline(state_->db, baseline);
    return baseline;
  });
}

BaselineRecord ResultStore::retire_baseline(const std::string& name, std::int64_t now_ms) {
  return state_->write("retire baseline " + name, [&] {
    for (BaselineRecord& baseline : store::read_baselines(state_->db)) {
      if (baseline.name != name || baseline.retired_ms != 0) continue;
      baseline.retired_ms = now_ms;
      SQLite::Statement update(state_->db,
                               "UPDATE baseline SET retired_ms = ? WHERE baseline_id = ?");
      store::execute(update, now_ms, baseline.baseline_id);
      return baseline;
    }
    throw InvalidArgument(
        fmt::format("there is no baseline in force in {}: {}", state_->path, name));
  });
}

std::vector<BaselineRecord> ResultStore::list_baselines() const {
  return state_->read("list baselines", [&] { return store::read_baselines(state_->db); });
}

}  // namespace dsabench
