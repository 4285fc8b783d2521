#pragma once
/// The columns of a table as its database has them. Private to results/.
#include <SQLiteCpp/SQLiteCpp.h>

#include <string>
#include <vector>

namespace dsabench::store {

/// In order; none where there is no such table.
inline std::vector<std::string> columns_of(SQLite::Database& db, const std::string& database,
                                           const std::string& table) {
  SQLite::Statement query(db, "SELECT name FROM pragma_table_info(?, ?) ORDER BY cid");
  query.bind(1, table);
  query.bind(2, database);
  std::vector<std::string> names;
  while (query.executeStep()) names.push_back(query.getColumn(0).getString());
  return names;
}

}  // namespace dsabench::store
