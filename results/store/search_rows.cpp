#include "results/store/rows.h"

namespace dsabench::store {

void insert_search(SQLite::Database& db, const SearchRecord& search) {
  SQLite::Statement insert(db,
                           "INSERT INTO search (run_id, outcome, settings_json) VALUES (?,?,?)");
  execute(insert, search.run_id, search.interrupted ? "interrupted" : "done", search.settings_json);
  SQLite::Statement flip(db,
                         "INSERT INTO search_flip (run_id, calibration, method, step, position,"
                         " from_pattern, layer, loss, given_up, kept)"
                         " VALUES (?,?,?,?,?,?,?,?,?,?)");
  for (const SearchedFlip& tried : search.flips) {
    execute(flip, search.run_id, tried.calibration, tried.method, tried.step, tried.position,
            tried.from_pattern, tried.layer, tried.loss, std::int64_t{tried.given_up},
            std::int64_t{tried.kept});
  }
  SQLite::Statement pattern(db,
                            "INSERT INTO search_pattern (run_id, calibration, method, pattern,"
                            " retention, loss) VALUES (?,?,?,?,?,?)");
  for (const SearchedPattern& found : search.patterns) {
    execute(pattern, search.run_id, found.calibration, found.method, found.pattern, found.retention,
            found.loss);
  }
}

std::optional<SearchRecord> read_search(SQLite::Database& db, const std::string& run_id) {
  SQLite::Statement query(db, "SELECT outcome, settings_json FROM search WHERE run_id = ?");
  query.bind(1, run_id);
  if (!query.executeStep()) return std::nullopt;
  SearchRecord search;
  search.run_id = run_id;
  std::string outcome;
  read_row(query, outcome, search.settings_json);
  search.interrupted = outcome == "interrupted";
  SQLite::Statement flip(db,
                         "SELECT calibration, method, step, position, from_pattern, layer, loss,"
                         " given_up, kept FROM search_flip WHERE run_id = ?"
                         " ORDER BY calibration, method, step, position");
  flip.bind(1, run_id);
  while (flip.executeStep()) {
    SearchedFlip& tried = search.flips.emplace_back();
    read_row(flip, tried.calibration, tried.method, tried.step, tried.position, tried.from_pattern,
             tried.layer, tried.loss, tried.given_up, tried.kept);
  }
  SQLite::Statement pattern(db,
                            "SELECT calibration, method, pattern, retention, loss"
                            " FROM search_pattern WHERE run_id = ?"
                            " ORDER BY calibration, method, pattern");
  pattern.bind(1, run_id);
  while (pattern.executeStep()) {
    SearchedPattern& found = search.patterns.emplace_back();
    read_row(pattern, found.calibration, found.method, found.pattern, found.retention, found.loss);
  }
  return search;
}

}  // namespace dsabench::store
