#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <string>

namespace dsabench::store {

/// XXH3-128 over everything stored of a run, trials in order, but for row ids: equal where two
/// databases hold the same run. `database`: main or the name of an attached one. Constant memory.
std::string run_digest(SQLite::Database& db, const std::string& database,
                       const std::string& run_id);
/// The same over a comparison with its arms and samples, by the ids of their runs.
std::string comparison_digest(SQLite::Database& db, const std::string& database,
                              const std::string& comparison_id);

}  // namespace dsabench::store
