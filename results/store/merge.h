#pragma once
/// Runs, comparisons and baselines taken over from one database into another. Private to results/.
#include <SQLiteCpp/SQLiteCpp.h>

#include <functional>
#include <set>
#include <string>

namespace dsabench::store {

enum class Merged { added, skipped, refused };

/// Takes over all that is stored of a run from the database attached as "incoming" (of the same
/// schema), inside the caller's transaction; row ids are given anew. skipped: it is there already
/// and identical; refused: there with other content. Throws StoreError where a cell or an output
/// has one id and two contents.
Merged take_over_run(SQLite::Database& db, const std::string& run_id);
/// The same, in a transaction of its own.
Merged merge_run(SQLite::Database& db, const std::string& run_id);

/// Takes over a comparison in a transaction of its own, after its runs. refused: there with other
/// content, a run of it is among `refused_runs`, or belongs to another comparison here.
Merged merge_comparison(SQLite::Database& db, const std::string& comparison_id,
                        const std::set<std::string>& refused_runs);

/// Takes over baselines in one transaction, after their runs; ids are given anew. Two are the same
/// where name, moment, note and runs are; one of ours is retired where the same incoming one is.
/// refused: a run of it is among `refused_runs`. Calls `report(name, merged)` for each.
void merge_baselines(SQLite::Database& db, const std::set<std::string>& refused_runs,
                     const std::function<void(const std::string&, Merged)>& report);

/// Takes over cells and outputs that no run refers to, so that nothing is lost.
void merge_unused(SQLite::Database& db);

}  // namespace dsabench::store
