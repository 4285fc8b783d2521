#include <fmt/format.h>

#include "kernels/base/error.h"
#include "results/store/rows.h"

namespace dsabench::store {

std::string find_id(SQLite::Database& db, const std::string& table,
                    const std::string& id_or_prefix) {
  SQLite::Statement exact(db, fmt::format("SELECT {0}_id FROM {0} WHERE {0}_id = ?", table));
  exact.bind(1, id_or_prefix);
  if (exact.executeStep()) return exact.getColumn(0).getString();

  SQLite::Statement query(
      db, fmt::format("SELECT {0}_id FROM {0} WHERE substr({0}_id, 1, length(?1)) = ?1"
                      " ORDER BY {0}_id DESC LIMIT 4",
                      table));
  query.bind(1, id_or_prefix);
  std::vector<std::string> found;
  while (query.executeStep()) found.push_back(query.getColumn(0).getString());
  if (found.empty()) {
    throw InvalidArgument(
        fmt::format("there is no such {} in {}: {}", table, db.getFilename(), id_or_prefix));
  }
  if (found.size() > 1) {
    throw InvalidArgument(fmt::format("\"{}\" names several {}s, give more of the id: {}",
                                      id_or_prefix, table, fmt::join(found, ", ")));
  }
  return found.front();
}

}  // namespace dsabench::store
