#include <fmt/format.h>

#include "kernels/base/error.h"
#include "results/store/rows.h"

namespace dsabench::store {
namespace {

void insert_cell(SQLite::Statement& insert, SQLite::Statement& stored, const CellRecord& cell) {
  execute(insert, cell.cell_id, cell.canonical_json, cell.model, cell.pattern, cell.suite,
          cell.phase, cell.device_kind, cell.dtype, cell.indexer_mode, cell.picks,
          cell.context_tokens, cell.batch);
  stored.reset();
  stored.bind(1, cell.cell_id);
  stored.executeStep();
  if (stored.getColumn(0).getString() != cell.canonical_json) {
    throw StoreError(fmt::format("cell {} is stored with another canonical form: {} against {}",
                                 cell.cell_id, stored.getColumn(0).getString(),
                                 cell.canonical_json));
  }
}

}  // namespace

void insert_run(SQLite::Database& db, const RunRecord& run) {
  SQLite::Statement present(db, "SELECT 1 FROM run WHERE run_id = ?");
  present.bind(1, run.run_id);
  if (present.executeStep()) throw StoreError("run is stored already: " + run.run_id);
  SQLite::Statement insert(db,
                           "INSERT INTO run (run_id, started_ms, finished_ms, status, command_line,"
                           " tool_version, machine_id, machine_json, build_id, build_json,"
                           " model_id, model_json, synthetic_weights, seed, plan_id,"
                           " plan_json, mixed) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  execute(insert, run.run_id, run.started_ms, run.finished_ms, run.status, run.command_line,
          run.tool_version, run.machine_id, run.machine_json, run.build_id, run.build_json,
          run.model_id, run.model_json, static_cast<std::int64_t>(run.synthetic_weights),
          static_cast<std::int64_t>(run.seed), run.plan_id, run.plan_json,
          static_cast<std::int64_t>(run.mixed));
  for (const Continuation& next : run.continuations) insert_continuation(db, run.run_id, next);
  insert_ceilings(db, run.run_id, run.ceilings);
}

void insert_continuation(SQLite::Database& db, const std::string& run_id,
                         const Continuation& continuation) {
  SQLite::Statement insert(
      db,
      "INSERT INTO continuation (run_id, position, started_ms, command_line, machine_id,"
      " machine_json, build_id, build_json)"
      " SELECT ?1, count(*), ?2, ?3, ?4, ?5, ?6, ?7 FROM continuation WHERE run_id = ?1");
  execute(insert, run_id, continuation.started_ms, continuation.command_line,
          continuation.machine_id, continuation.machine_json, continuation.build_id,
          continuation.build_json);
}

void insert_ceilings(SQLite::Database& db, const std::string& run_id,
                     const std::vector<Ceiling>& ceilings) {
  SQLite::Statement insert(db,
                           "INSERT INTO ceiling (run_id, continuation, name, unit, work,"
                           " nanoseconds, note) VALUES (?,?,?,?,?,?,?)");
  for (const Ceiling& ceiling : ceilings) {
    execute(insert, run_id, ceiling.continuation, ceiling.name, ceiling.unit, ceiling.work,
            ceiling.nanoseconds, ceiling.note);
  }
}

void insert_plan(SQLite::Database& db, const std::string& run_id,
                 const std::vector<PlannedCell>& plan) {
  SQLite::Statement cell(db,
                         "INSERT INTO cell (cell_id, canonical_json, model, pattern, suite, phase,"
                         " device_kind, dtype, indexer_mode, picks, context_tokens, batch)"
                         " VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (cell_id) DO NOTHING");
  SQLite::Statement stored(db, "SELECT canonical_json FROM cell WHERE cell_id = ?");
  SQLite::Statement planned(db,
                            "INSERT INTO planned_cell (run_id, cell_id, position,"
                            " nominal_retention, pattern_origin, dialect) VALUES (?,?,?,?,?,?)");
  for (const PlannedCell& entry : plan) {
    insert_cell(cell, stored, entry.cell);
    execute(planned, run_id, entry.cell.cell_id, entry.position, entry.nominal_retention,
            entry.pattern_origin, entry.dialect);
  }
}

}  // namespace dsabench::store
