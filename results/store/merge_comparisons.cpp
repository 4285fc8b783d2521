#include <algorithm>
#include <tuple>
#include <vector>

#include "results/store/merge.h"
#include "results/store/rows.h"
#include "results/store/run_digest.h"

namespace dsabench::store {
namespace {

bool has_row(SQLite::Database& db, const char* sql, const std::string& id) {
  SQLite::Statement query(db, sql);
  query.bind(1, id);
  return query.executeStep();
}

bool has_refused_run(SQLite::Database& db, const char* sql, const std::string& id,
                     const std::set<std::string>& refused_runs) {
  SQLite::Statement query(db, sql);
  query.bind(1, id);
  while (query.executeStep()) {
    if (refused_runs.count(query.getColumn(0).getString()) > 0) return true;
  }
  return false;
}

bool same(const BaselineRecord& a, const BaselineRecord& b) {
  return std::tie(a.name, a.promoted_ms, a.note, a.run_ids) ==
         std::tie(b.name, b.promoted_ms, b.note, b.run_ids);
}

std::vector<BaselineRecord> by_id(std::vector<BaselineRecord> baselines) {
  std::sort(baselines.begin(), baselines.end(),
            [](const auto& a, const auto& b) { return a.baseline_id < b.baseline_id; });
  return baselines;
}

}  // namespace

Merged merge_comparison(SQLite::Database& db, const std::string& comparison_id,
                        const std::set<std::string>& refused_runs) {
  SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
  if (has_row(db, "SELECT 1 FROM main.comparison WHERE comparison_id = ?", comparison_id)) {
    const bool equal = comparison_digest(db, "main", comparison_id) ==
                       comparison_digest(db, "incoming", comparison_id);
    return equal ? Merged::skipped : Merged::refused;
  }
  if (has_refused_run(db, "SELECT run_id FROM incoming.comparison_sample WHERE comparison_id = ?",
                      comparison_id, refused_runs) ||
      has_row(db,
              "SELECT 1 FROM incoming.comparison_sample AS new"
              " JOIN main.comparison_sample AS old USING (run_id) WHERE new.comparison_id = ?",
              comparison_id)) {
    return Merged::refused;
  }
  for (const char* sql :
       {"INSERT INTO main.comparison SELECT * FROM incoming.comparison WHERE comparison_id = ?",
        "INSERT INTO main.comparison_arm SELECT * FROM incoming.comparison_arm"
        " WHERE comparison_id = ?",
        "INSERT INTO main.comparison_sample SELECT * FROM incoming.comparison_sample"
        " WHERE comparison_id = ?"}) {
    SQLite::Statement insert(db, sql);
    execute(insert, comparison_id);
  }
  transaction.commit();
  return Merged::added;
}

void merge_baselines(SQLite::Database& db, const std::set<std::string>& refused_runs,
                     const std::function<void(const std::string&, Merged)>& report) {
  SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
  // By id, so that a copy of a database numbers them as it did.
  auto ours = by_id(read_baselines(db, "main"));
  auto incoming = by_id(read_baselines(db, "incoming"));
  SQLite::Statement retire(
      db, "UPDATE main.baseline SET retired_ms = ? WHERE baseline_id = ? AND retired_ms = 0");
  for (BaselineRecord& baseline : incoming) {
    const auto found = std::find_if(ours.begin(), ours.end(),
                                    [&](const auto& other) { return same(other, baseline); });
    const bool refused =
        std::any_of(baseline.run_ids.begin(), baseline.run_ids.end(),
                    [&](const std::string& run) { return refused_runs.count(run) > 0; });
    if (found != ours.end()) {
      if (baseline.retired_ms != 0) execute(retire, baseline.retired_ms, found->baseline_id);
      ours.erase(found);  // the same one twice stays twice
      report(baseline.name, Merged::skipped);
    } else if (refused) {
      report(baseline.name, Merged::refused);
    } else {
      insert_baseline(db, baseline);
      report(baseline.name, Merged::added);
    }
  }
  transaction.commit();
}

}  // namespace dsabench::store
