#include "results/store/rows.h"

namespace dsabench::store {
namespace {

/// The statements that read one trial's rows, prepared once per run.
class TrialReader {
 public:
  explicit TrialReader(SQLite::Database& db)
      : metric_(db,
                "SELECT metric_id, name, unit, better FROM metric WHERE trial_id = ?"
                " ORDER BY metric_id"),
        sample_(db, "SELECT value FROM sample WHERE metric_id = ? ORDER BY position"),
        stage_(db,
               "SELECT metric, sample, layer, stage, nanoseconds FROM stage_time"
               " WHERE trial_id = ? ORDER BY metric, sample, layer, stage"),
        runs_(db, "SELECT layer, runs, expected FROM layer_runs WHERE trial_id = ? ORDER BY layer"),
        device_(db,
                "SELECT elapsed_ns, sm_mhz, memory_mhz, power_mw, energy_mj, temperature_c,"
                " clock_limits FROM device_sample WHERE trial_id = ? ORDER BY position"),
        answer_(db,
                "SELECT item_id, task, prompt_hash, prompt_tokens, output_tokens, text, finish,"
                " score FROM answer JOIN output USING (output_id) WHERE trial_id = ?"
                " ORDER BY position") {}

  void read(std::int64_t trial_id, TrialParts parts, TrialRecord& trial) {
    for_each_row(metric_, trial_id, [&] {
      std::int64_t metric_id = 0;
      MetricSamples metric;
      read_row(metric_, metric_id, metric.name, metric.unit, metric.better);
      for_each_row(sample_, metric_id,
                   [&] { metric.values.push_back(sample_.getColumn(0).getInt64()); });
      trial.metrics.push_back(std::move(metric));
    });
    for_each_row(answer_, trial_id, [&] {
      AnswerRecord& answer = trial.answers.emplace_back();
      read_row(answer_, answer.item_id, answer.task, answer.prompt_hash, answer.prompt_tokens,
               answer.output_tokens, answer.output, answer.finish, answer.score);
    });
    if (parts == TrialParts::values) return;
    for_each_row(stage_, trial_id, [&] {
      StageTime& time = trial.stage_times.emplace_back();
      read_row(stage_, time.metric, time.sample, time.layer, time.stage, time.nanoseconds);
    });
    for_each_row(runs_, trial_id, [&] {
      LayerRuns& layer = trial.layer_runs.emplace_back();
      read_row(runs_, layer.layer, layer.runs, layer.expected);
    });
    for_each_row(device_, trial_id, [&] {
      DeviceSample& sample = trial.device_samples.emplace_back();
      read_row(device_, sample.elapsed_ns, sample.sm_mhz, sample.memory_mhz, sample.power_mw,
               sample.energy_mj, sample.temperature_c, sample.clock_limits);
    });
  }

 private:
  template <class Visit>
  static void for_each_row(SQLite::Statement& query, std::int64_t id, Visit&& visit) {
    query.reset();
    query.bind(1, id);
    while (query.executeStep()) visit();
  }

  SQLite::Statement metric_, sample_, stage_, runs_, device_, answer_;
};

}  // namespace

std::vector<TrialRecord> read_trials(SQLite::Database& db, const std::string& run_id,
                                     TrialParts parts) {
  SQLite::Statement query(
      db,
      "SELECT trial_id, run_id, cell_id, repeat, started_ms, finished_ms,"
      " process_id, outcome, reason, stop_reason, num_warmups,"
      " verification_json, conditions_json, machine_id, build_id FROM trial WHERE run_id = ?"
      " ORDER BY trial_id");
  query.bind(1, run_id);
  TrialReader reader(db);
  std::vector<TrialRecord> trials;
  while (query.executeStep()) {
    std::int64_t trial_id = 0;
    std::string outcome;
    TrialRecord& trial = trials.emplace_back();
    read_row(query, trial_id, trial.run_id, trial.cell_id, trial.repeat, trial.started_ms,
             trial.finished_ms, trial.process_id, outcome, trial.reason, trial.stop_reason,
             trial.num_warmups, trial.verification_json, trial.conditions_json, trial.machine_id,
             trial.build_id);
    trial.outcome = parse_trial_outcome(outcome);
    reader.read(trial_id, parts, trial);
  }
  return trials;
}

}  // namespace dsabench::store
