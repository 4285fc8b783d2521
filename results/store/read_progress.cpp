#include "results/store/rows.h"

namespace dsabench::store {

std::vector<RunningTrial> read_running_trials(SQLite::Database& db, const std::string& run_id) {
  SQLite::Statement query(db,
                          "SELECT run_id, cell_id, repeat, started_ms, process_id, process_start,"
                          " boot_id FROM running_trial WHERE run_id = ? ORDER BY cell_id, repeat");
  query.bind(1, run_id);
  std::vector<RunningTrial> trials;
  while (query.executeStep()) {
    RunningTrial& trial = trials.emplace_back();
    read_row(query, trial.run_id, trial.cell_id, trial.repeat, trial.started_ms, trial.process_id,
             trial.process_start, trial.boot_id);
  }
  return trials;
}

std::vector<RunProgress::Pair> read_tried_pairs(SQLite::Database& db, const std::string& run_id) {
  // SQLite takes bare columns (outcome) from the row that has the maximum.
  SQLite::Statement query(db,
                          "SELECT cell_id, repeat, outcome, tries, ok, crashes FROM ("
                          " SELECT cell_id, repeat, outcome, max(trial_id), count(*) AS tries,"
                          "  count(*) FILTER (WHERE outcome = 'ok') AS ok,"
                          "  count(*) FILTER (WHERE outcome = 'failed' AND reason = ?2) AS crashes"
                          " FROM trial WHERE run_id = ?1 GROUP BY cell_id, repeat)"
                          " JOIN planned_cell USING (cell_id) WHERE run_id = ?1"
                          " ORDER BY position, cell_id, repeat");
  query.bind(1, run_id);
  query.bind(2, kCrashReason);
  std::vector<RunProgress::Pair> pairs;
  while (query.executeStep()) {
    RunProgress::Pair& pair = pairs.emplace_back();
    std::string outcome;
    read_row(query, pair.cell_id, pair.repeat, outcome, pair.num_trials, pair.ok, pair.num_crashed);
    pair.last_outcome = parse_trial_outcome(outcome);
  }
  return pairs;
}

}  // namespace dsabench::store
