#pragma once
/// Runs taken over from one database into another. Private to results/.
#include <SQLiteCpp/SQLiteCpp.h>

#include <string>

namespace dsabench::store {

enum class Merged { added, skipped, refused };

/// Takes over all that is stored of a run from the database attached as "incoming" (of the same
/// schema), in one transaction; row ids are given anew. skipped: it is there already and identical;
/// refused: there with other content. Throws StoreError where a cell or an output has one id and
/// two contents.
Merged merge_run(SQLite::Database& db, const std::string& run_id);

/// Takes over cells and outputs that no run refers to, so that nothing is lost.
void merge_unused(SQLite::Database& db);

}  // namespace dsabench::store
