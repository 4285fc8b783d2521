#include <fmt/format.h>

#include "results/store/rows.h"

namespace dsabench::store {

void insert_baseline(SQLite::Database& db, BaselineRecord& baseline) {
  SQLite::Statement insert(
      db, "INSERT INTO main.baseline (name, promoted_ms, retired_ms, note) VALUES (?,?,?,?)");
  execute(insert, baseline.name, baseline.promoted_ms, baseline.retired_ms, baseline.note);
  baseline.baseline_id = db.getLastInsertRowid();
  SQLite::Statement run(db, "INSERT INTO main.baseline_run (baseline_id, run_id) VALUES (?,?)");
  for (const std::string& run_id : baseline.run_ids) execute(run, baseline.baseline_id, run_id);
}

std::vector<BaselineRecord> read_baselines(SQLite::Database& db, const std::string& database) {
  SQLite::Statement query(
      db, fmt::format("SELECT baseline_id, name, promoted_ms, retired_ms, note FROM {}.baseline"
                      " ORDER BY promoted_ms DESC, baseline_id DESC",
                      database));
  SQLite::Statement run(
      db, fmt::format("SELECT run_id FROM {}.baseline_run WHERE baseline_id = ? ORDER BY run_id",
                      database));
  std::vector<BaselineRecord> baselines;
  while (query.executeStep()) {
    BaselineRecord& baseline = baselines.emplace_back();
    read_row(query, baseline.baseline_id, baseline.name, baseline.promoted_ms, baseline.retired_ms,
             baseline.note);
    run.reset();
    run.bind(1, baseline.baseline_id);
    while (run.executeStep()) baseline.run_ids.push_back(run.getColumn(0).getString());
  }
  return baselines;
}

}  // namespace dsabench::store
