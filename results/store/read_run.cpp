#include <fmt/format.h>

#include "results/store/rows.h"

namespace dsabench::store {
namespace {

constexpr const char* kRunColumns =
    "run_id, started_ms, finished_ms, status, command_line, tool_version, machine_id, machine_json,"
    " build_id, build_json, model_id, model_json, synthetic_weights, seed,"
    " plan_id, plan_json, mixed";

void read_ceilings(SQLite::Database& db, RunRecord& run) {
  SQLite::Statement query(db,
                          "SELECT continuation, name, unit, work, nanoseconds, note FROM ceiling"
                          " WHERE run_id = ? ORDER BY continuation, name");
  query.bind(1, run.run_id);
  while (query.executeStep()) {
    Ceiling& ceiling = run.ceilings.emplace_back();
    read_row(query, ceiling.continuation, ceiling.name, ceiling.unit, ceiling.work,
             ceiling.nanoseconds, ceiling.note);
  }
}

/// Fills in the runs' continuations, in order.
void read_continuations(SQLite::Database& db, RunRecord& run) {
  SQLite::Statement query(db,
                          "SELECT started_ms, command_line, machine_id, machine_json, build_id,"
                          " build_json FROM continuation WHERE run_id = ? ORDER BY position");
  query.bind(1, run.run_id);
  while (query.executeStep()) {
    Continuation& next = run.continuations.emplace_back();
    read_row(query, next.started_ms, next.command_line, next.machine_id, next.machine_json,
             next.build_id, next.build_json);
  }
}

RunRecord read_run_row(SQLite::Statement& row) {
  RunRecord run;
  read_row(row, run.run_id, run.started_ms, run.finished_ms, run.status, run.command_line,
           run.tool_version, run.machine_id, run.machine_json, run.build_id, run.build_json,
           run.model_id, run.model_json, run.synthetic_weights, run.seed, run.plan_id,
           run.plan_json, run.mixed);
  return run;
}

}  // namespace

std::vector<RunRecord> read_runs(SQLite::Database& db) {
  SQLite::Statement query(
      db, fmt::format("SELECT {} FROM run ORDER BY started_ms DESC, run_id DESC", kRunColumns));
  std::vector<RunRecord> runs;
  while (query.executeStep()) runs.push_back(read_run_row(query));
  for (RunRecord& run : runs) {
    read_continuations(db, run);
    read_ceilings(db, run);
  }
  return runs;
}

RunRecord read_run(SQLite::Database& db, const std::string& run_id) {
  SQLite::Statement query(db, fmt::format("SELECT {} FROM run WHERE run_id = ?", kRunColumns));
  query.bind(1, run_id);
  query.executeStep();
  RunRecord run = read_run_row(query);
  read_continuations(db, run);
  read_ceilings(db, run);
  return run;
}

std::vector<PlannedCell> read_plan(SQLite::Database& db, const std::string& run_id) {
  SQLite::Statement query(
      db,
      "SELECT cell_id, canonical_json, model, pattern, suite, phase, device_kind, dtype,"
      " indexer_mode, picks, context_tokens, batch, position, nominal_retention, pattern_origin,"
      " dialect FROM planned_cell JOIN cell USING (cell_id) WHERE run_id = ?"
      " ORDER BY position, cell_id");
  query.bind(1, run_id);
  std::vector<PlannedCell> plan;
  while (query.executeStep()) {
    PlannedCell entry;
    CellRecord& cell = entry.cell;
    read_row(query, cell.cell_id, cell.canonical_json, cell.model, cell.pattern, cell.suite,
             cell.phase, cell.device_kind, cell.dtype, cell.indexer_mode, cell.picks,
             cell.context_tokens, cell.batch, entry.position, entry.nominal_retention,
             entry.pattern_origin, entry.dialect);
    plan.push_back(std::move(entry));
  }
  return plan;
}

}  // namespace dsabench::store
