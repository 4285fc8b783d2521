#include <fmt/format.h>

#include "kernels/base/error.h"
#include "results/identity.h"
#include "results/store/rows.h"

namespace dsabench::store {
namespace {

std::int64_t insert_trial_row(SQLite::Database& db, const TrialRecord& trial) {
  SQLite::Statement insert(db,
                           "INSERT INTO trial (run_id, cell_id, repeat, started_ms, finished_ms,"
                           " process_id, outcome, reason, stop_reason, num_warmups,"
                           " verification_json, conditions_json, machine_id, build_id)"
                           " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  execute(insert, trial.run_id, trial.cell_id, trial.repeat, trial.started_ms, trial.finished_ms,
          trial.process_id, std::string(trial_outcome_name(trial.outcome)), trial.reason,
          trial.stop_reason, trial.num_warmups, trial.verification_json, trial.conditions_json,
          trial.machine_id, trial.build_id);
  return db.getLastInsertRowid();
}

void insert_metrics(SQLite::Database& db, std::int64_t trial_id, const TrialRecord& trial) {
  SQLite::Statement metric(db,
                           "INSERT INTO metric (trial_id, name, unit, better) VALUES (?,?,?,?)");
  SQLite::Statement sample(db, "INSERT INTO sample (metric_id, position, value) VALUES (?,?,?)");
  for (const MetricSamples& samples : trial.metrics) {
    execute(metric, trial_id, samples.name, samples.unit, samples.better);
    const std::int64_t metric_id = db.getLastInsertRowid();
    std::int64_t position = 0;
    for (const std::int64_t value : samples.values) execute(sample, metric_id, position++, value);
  }
}

void insert_layers(SQLite::Database& db, std::int64_t trial_id, const TrialRecord& trial) {
  SQLite::Statement stage(db,
                          "INSERT INTO stage_time (trial_id, metric, sample, layer, stage,"
                          " nanoseconds) VALUES (?,?,?,?,?,?)");
  for (const StageTime& time : trial.stage_times) {
    execute(stage, trial_id, time.metric, time.sample, time.layer, time.stage, time.nanoseconds);
  }
  SQLite::Statement runs(
      db, "INSERT INTO layer_runs (trial_id, layer, runs, expected) VALUES (?,?,?,?)");
  for (const LayerRuns& layer : trial.layer_runs) {
    execute(runs, trial_id, layer.layer, layer.runs, layer.expected);
  }
}

void insert_device_samples(SQLite::Database& db, std::int64_t trial_id, const TrialRecord& trial) {
  SQLite::Statement insert(db,
                           "INSERT INTO device_sample (trial_id, position, elapsed_ns, sm_mhz,"
                           " memory_mhz, power_mw, energy_mj, temperature_c, clock_limits)"
                           " VALUES (?,?,?,?,?,?,?,?,?)");
  std::int64_t position = 0;
  for (const DeviceSample& sample : trial.device_samples) {
    execute(insert, trial_id, position++, sample.elapsed_ns, sample.sm_mhz, sample.memory_mhz,
            sample.power_mw, sample.energy_mj, sample.temperature_c, sample.clock_limits);
  }
}

/// The id of a text, stored where it is new. The hash is no proof of equality, so that is checked.
std::string insert_output(SQLite::Statement& insert, SQLite::Statement& stored,
                          const std::string& text) {
  const std::string output_id = content_hash(text);
  execute(insert, output_id, text);
  stored.reset();
  stored.bind(1, output_id);
  stored.executeStep();
  if (stored.getColumn(0).getString() != text) {
    throw StoreError("two outputs have one hash: " + output_id);
  }
  return output_id;
}

void insert_answers(SQLite::Database& db, std::int64_t trial_id, const TrialRecord& trial) {
  SQLite::Statement output(
      db, "INSERT INTO output (output_id, text) VALUES (?,?) ON CONFLICT (output_id) DO NOTHING");
  SQLite::Statement stored(db, "SELECT text FROM output WHERE output_id = ?");
  SQLite::Statement insert(db,
                           "INSERT INTO answer (trial_id, position, item_id, task, prompt_hash,"
                           " prompt_tokens, output_tokens, output_id, finish, score)"
                           " VALUES (?,?,?,?,?,?,?,?,?,?)");
  std::int64_t position = 0;
  for (const AnswerRecord& answer : trial.answers) {
    execute(insert, trial_id, position++, answer.item_id, answer.task, answer.prompt_hash,
            answer.prompt_tokens, answer.output_tokens,
            insert_output(output, stored, answer.output), answer.finish, answer.score);
  }
}

}  // namespace

void insert_trial(SQLite::Database& db, const TrialRecord& trial) {
  const std::int64_t trial_id = insert_trial_row(db, trial);
  insert_metrics(db, trial_id, trial);
  insert_layers(db, trial_id, trial);
  insert_device_samples(db, trial_id, trial);
  insert_answers(db, trial_id, trial);
}

void insert_running_trial(SQLite::Database& db, const RunningTrial& trial) {
  SQLite::Statement insert(
      db,
      "INSERT OR REPLACE INTO running_trial (run_id, cell_id, repeat, started_ms, process_id,"
      " process_start, boot_id) VALUES (?,?,?,?,?,?,?)");
  execute(insert, trial.run_id, trial.cell_id, trial.repeat, trial.started_ms, trial.process_id,
          trial.process_start, trial.boot_id);
}

void delete_running_trial(SQLite::Database& db, const std::string& run_id,
                          const std::string& cell_id, std::int64_t repeat) {
  SQLite::Statement remove(
      db, "DELETE FROM running_trial WHERE run_id = ? AND cell_id = ? AND repeat = ?");
  execute(remove, run_id, cell_id, repeat);
}

}  // namespace dsabench::store
