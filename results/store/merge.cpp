#include "results/store/merge.h"

#include <fmt/format.h>

#include "kernels/base/error.h"
#include "results/store/columns.h"
#include "results/store/run_digest.h"

namespace dsabench::store {
namespace {

/// Runs a statement whose one parameter, if it has any, is the run.
void execute_for(SQLite::Database& db, const std::string& sql, const std::string& run_id) {
  SQLite::Statement statement(db, sql);
  if (sql.find('?') != std::string::npos) statement.bind(1, run_id);
  statement.exec();
}

/// The columns of a table with one of them replaced by its new id.
std::string renumbered(SQLite::Database& db, const std::string& table, const std::string& id) {
  std::vector<std::string> columns = columns_of(db, "main", table);
  for (std::string& column : columns) {
    if (column == id) column = id + "_map.new_id";
  }
  return fmt::format("{}", fmt::join(columns, ", "));
}

/// New ids after the highest there is, in the old order.
void number_anew(SQLite::Database& db, const std::string& table, const std::string& condition,
                 const std::string& run_id) {
  db.exec(
      fmt::format("CREATE TEMP TABLE IF NOT EXISTS {}_id_map (old_id INTEGER PRIMARY KEY,"
                  " new_id INTEGER NOT NULL)",
                  table));
  db.exec(fmt::format("DELETE FROM temp.{}_id_map", table));
  execute_for(db,
              fmt::format("INSERT INTO temp.{0}_id_map SELECT {0}_id,"
                          " row_number() OVER (ORDER BY {0}_id)"
                          " + (SELECT coalesce(max({0}_id), 0) FROM main.{0})"
                          " FROM incoming.{0} WHERE {1}",
                          table, condition),
              run_id);
}

/// Copies the rows that hang on renumbered ones.
void copy_renumbered(SQLite::Database& db, const std::string& table, const std::string& id) {
  db.exec(
      fmt::format("INSERT INTO main.{0} SELECT {1} FROM temp.{2}_map"
                  " JOIN incoming.{0} ON {0}.{2} = old_id ORDER BY new_id",
                  table, renumbered(db, table, id), id));
}

void copy_measurements(SQLite::Database& db, const std::string& run_id) {
  number_anew(db, "trial", "run_id = ?", run_id);
  copy_renumbered(db, "trial", "trial_id");
  number_anew(db, "metric", "trial_id IN (SELECT old_id FROM temp.trial_id_map)", run_id);
  // A metric hangs on its trial and has an id of its own.
  db.exec(
      "INSERT INTO main.metric (metric_id, trial_id, name, unit, better)"
      " SELECT metric_id_map.new_id, trial_id_map.new_id, name, unit, better"
      " FROM temp.metric_id_map JOIN incoming.metric ON metric.metric_id = metric_id_map.old_id"
      " JOIN temp.trial_id_map ON metric.trial_id = trial_id_map.old_id"
      " ORDER BY metric_id_map.new_id");
  copy_renumbered(db, "sample", "metric_id");
  copy_renumbered(db, "stage_time", "trial_id");
  copy_renumbered(db, "layer_runs", "trial_id");
  copy_renumbered(db, "device_sample", "trial_id");
  db.exec(
      "INSERT INTO main.output SELECT * FROM incoming.output WHERE output_id IN ("
      " SELECT output_id FROM incoming.answer WHERE trial_id IN ("
      "  SELECT old_id FROM temp.trial_id_map)) ON CONFLICT (output_id) DO NOTHING");
  copy_renumbered(db, "answer", "trial_id");
}

void refuse_contradictions(SQLite::Database& db) {
  SQLite::Statement query(
      db,
      "SELECT 'cell ' || cell_id FROM incoming.cell AS new JOIN main.cell AS old USING (cell_id)"
      " WHERE new.canonical_json <> old.canonical_json UNION ALL"
      " SELECT 'output ' || output_id FROM incoming.output AS new"
      " JOIN main.output AS old USING (output_id) WHERE new.text <> old.text");
  if (query.executeStep()) {
    throw StoreError(fmt::format("{} is stored with other content: one of the databases is wrong",
                                 query.getColumn(0).getString()));
  }
}

bool has_run(SQLite::Database& db, const std::string& run_id) {
  SQLite::Statement query(db, "SELECT 1 FROM main.run WHERE run_id = ?");
  query.bind(1, run_id);
  return query.executeStep();
}

}  // namespace

Merged take_over_run(SQLite::Database& db, const std::string& run_id) {
  if (has_run(db, run_id)) {
    const bool same = run_digest(db, "main", run_id) == run_digest(db, "incoming", run_id);
    return same ? Merged::skipped : Merged::refused;
  }
  refuse_contradictions(db);
  for (const char* sql : {
           "INSERT INTO main.run SELECT * FROM incoming.run WHERE run_id = ?",
           "INSERT INTO main.cell SELECT * FROM incoming.cell WHERE cell_id IN ("
           " SELECT cell_id FROM incoming.planned_cell WHERE run_id = ?)"
           " ON CONFLICT (cell_id) DO NOTHING",
           "INSERT INTO main.continuation SELECT * FROM incoming.continuation WHERE run_id = ?",
           "INSERT INTO main.ceiling SELECT * FROM incoming.ceiling WHERE run_id = ?",
           "INSERT INTO main.planned_cell SELECT * FROM incoming.planned_cell WHERE run_id = ?",
           "INSERT INTO main.running_trial SELECT * FROM incoming.running_trial WHERE run_id = ?",
           "INSERT INTO main.profile SELECT * FROM incoming.profile WHERE run_id = ?",
           "INSERT INTO main.profile_value SELECT * FROM incoming.profile_value WHERE run_id = ?",
           "INSERT INTO main.profile_stage SELECT * FROM incoming.profile_stage WHERE run_id = ?",
           "INSERT INTO main.profile_kernel SELECT * FROM incoming.profile_kernel WHERE run_id = ?",
           "INSERT INTO main.search SELECT * FROM incoming.search WHERE run_id = ?",
           "INSERT INTO main.search_flip SELECT * FROM incoming.search_flip WHERE run_id = ?",
           "INSERT INTO main.search_pattern SELECT * FROM incoming.search_pattern WHERE run_id = ?",
       }) {
    execute_for(db, sql, run_id);
  }
  copy_measurements(db, run_id);
  return Merged::added;
}

Merged merge_run(SQLite::Database& db, const std::string& run_id) {
  SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
  const Merged merged = take_over_run(db, run_id);
  transaction.commit();
  return merged;
}

void merge_unused(SQLite::Database& db) {
  SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
  db.exec(
      "INSERT INTO main.cell SELECT * FROM incoming.cell WHERE cell_id NOT IN ("
      " SELECT cell_id FROM incoming.planned_cell) ON CONFLICT (cell_id) DO NOTHING");
  db.exec(
      "INSERT INTO main.output SELECT * FROM incoming.output WHERE output_id NOT IN ("
      " SELECT output_id FROM incoming.answer) ON CONFLICT (output_id) DO NOTHING");
  transaction.commit();
}

}  // namespace dsabench::store
