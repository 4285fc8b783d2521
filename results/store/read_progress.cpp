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
  // SQLite takes bare columns (outcome, crashed) from the row that has the maximum.
  SQLite::Statement query(db,
                          "SELECT cell_id, repeat, outcome, crashed, tries, ok, crashes FROM ("
                          " SELECT cell_id, repeat, outcome, crashed, max(trial_id),"
                          "  count(*) AS tries, count(*) FILTER (WHERE outcome = 'ok') AS ok,"
                          "  sum(crashed) AS crashes"
                          " FROM (SELECT cell_id, repeat, trial_id, outcome,"
                          "   outcome = 'failed' AND reason = ?2 AS crashed"
                          "  FROM trial WHERE run_id = ?1) GROUP BY cell_id, repeat)"
                          " JOIN planned_cell USING (cell_id) WHERE run_id = ?1"
                          " ORDER BY position, cell_id, repeat");
  query.bind(1, run_id);
  query.bind(2, kCrashReason);
  std::vector<RunProgress::Pair> pairs;
  while (query.executeStep()) {
    RunProgress::Pair& pair = pairs.emplace_back();
    std::string outcome;
    read_row(query, pair.cell_id, pair.repeat, outcome, pair.last_crashed, pair.num_trials, pair.ok,
             pair.num_crashed);
    pair.last_outcome = parse_trial_outcome(outcome);
  }
  return pairs;
}

}  // namespace dsabench::store
