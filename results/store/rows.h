#pragma once
/// Records to rows and back. Private to results/. Each function is one statement sequence inside
/// the caller's transaction; all throw SQLite::Exception.
#include <SQLiteCpp/SQLiteCpp.h>

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "results/store.h"

namespace dsabench::store {

/// Binds every value in order and executes the statement.
template <class... Values>
void execute(SQLite::Statement& statement, const Values&... values) {
  statement.reset();
  int index = 0;
  (statement.bind(++index, values), ...);
  statement.exec();
}

/// Reads the columns of the current row in order into the fields.
template <class... Fields>
void read_row(SQLite::Statement& statement, Fields&... fields) {
  int index = 0;
  const auto read = [&](auto& field) {
    const SQLite::Column column = statement.getColumn(index++);
    using Field = std::remove_reference_t<decltype(field)>;
    if constexpr (std::is_same_v<Field, std::string>) {
      field = column.getString();
    } else if constexpr (std::is_same_v<Field, double>) {
      field = column.getDouble();
    } else {
      field = static_cast<Field>(column.getInt64());
    }
  };
  (read(fields), ...);
}

/// Throws StoreError where the run is there already.
void insert_run(SQLite::Database& db, const RunRecord& run);
/// Throws StoreError where a cell's id is stored with another canonical form.
void insert_plan(SQLite::Database& db, const std::string& run_id,
                 const std::vector<PlannedCell>& plan);
void insert_continuation(SQLite::Database& db, const std::string& run_id,
                         const Continuation& continuation);
/// One per continuation and name: throws where it is there already.
void insert_ceilings(SQLite::Database& db, const std::string& run_id,
                     const std::vector<Ceiling>& ceilings);
void insert_trial(SQLite::Database& db, const TrialRecord& trial);
/// Its run and planned cell must be there.
void insert_profile(SQLite::Database& db, const ProfileRecord& profile);
/// Its run must be there.
void insert_search(SQLite::Database& db, const SearchRecord& search);
/// Replaces a marker of the same run, cell and repeat.
void insert_running_trial(SQLite::Database& db, const RunningTrial& trial);
void delete_running_trial(SQLite::Database& db, const std::string& run_id,
                          const std::string& cell_id, std::int64_t repeat);
/// Marks the run as under way in this process, instead of any other.
void insert_run_process(SQLite::Database& db, const std::string& run_id);
void delete_run_process(SQLite::Database& db, const std::string& run_id);

std::vector<RunRecord> read_runs(SQLite::Database& db);
/// The id of a row of `table` ("run", "comparison"), of its whole or its start. Throws
/// InvalidArgument for none or several.
std::string find_id(SQLite::Database& db, const std::string& table,
                    const std::string& id_or_prefix);
RunRecord read_run(SQLite::Database& db, const std::string& run_id);
std::vector<PlannedCell> read_plan(SQLite::Database& db, const std::string& run_id);
std::vector<RunningTrial> read_running_trials(SQLite::Database& db, const std::string& run_id);
/// A live process other than this one that has the run, or a trial of it, under way.
std::optional<std::int64_t> other_process_of(SQLite::Database& db, const std::string& run_id);
/// Those tried, by position in the plan, then repeat.
std::vector<RunProgress::Pair> read_tried_pairs(SQLite::Database& db, const std::string& run_id);
/// Without samples, which follow one by one.
void insert_comparison(SQLite::Database& db, const ComparisonRecord& comparison);
/// Its comparison, with that arm, and its run must be there.
void insert_comparison_sample(SQLite::Database& db, const std::string& comparison_id,
                              const ComparisonSample& sample);
/// Newest first.
std::vector<ComparisonRecord> read_comparisons(SQLite::Database& db);
ComparisonRecord read_comparison(SQLite::Database& db, const std::string& comparison_id);
/// Gives the record its id.
void insert_baseline(SQLite::Database& db, BaselineRecord& baseline);
/// Newest first.
std::vector<BaselineRecord> read_baselines(SQLite::Database& db,
                                           const std::string& database = "main");

/// Nothing where the run is no profile.
std::optional<ProfileRecord> read_profile(SQLite::Database& db, const std::string& run_id);
/// Nothing where the run is no search.
std::optional<SearchRecord> read_search(SQLite::Database& db, const std::string& run_id);
enum class TrialParts {
  all,
  values,  ///< metrics and answers alone
};
/// In the order they were written; stage times by metric, sample, layer and stage, layer runs by
/// layer.
std::vector<TrialRecord> read_trials(SQLite::Database& db, const std::string& run_id,
                                     TrialParts parts = TrialParts::all);

}  // namespace dsabench::store
