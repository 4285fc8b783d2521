#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <map>

#include "results/store/columns.h"
#include "results/store/exchange_reader.h"
#include "results/store/migrations.h"

namespace dsabench::store {
namespace {

bool is_about_the_row(const SQLite::Exception& error) {
  const int code = error.getErrorCode() & 0xff;
  return code == SQLITE_CONSTRAINT || code == SQLITE_MISMATCH || code == SQLITE_TOOBIG;
}

/// Inserts rows of one table, which must have exactly its columns.
class TableWriter {
 public:
  TableWriter(SQLite::Database& db, const std::string& table)
      : columns_(columns_of(db, "main", table)), insert_(db, insert_statement(table, columns_)) {}

  void write(const ExchangeRow& row, const ExchangeReader& reader) {
    insert_.reset();
    for (const auto& [name, value] : row.columns) {
      const auto found = std::find(columns_.begin(), columns_.end(), name);
      if (found == columns_.end()) {
        reader.fail(fmt::format("table {} has no column {}", row.table, name));
      }
      const int index = static_cast<int>(found - columns_.begin()) + 1;
      std::visit([&](const auto& bound) { insert_.bind(index, bound); }, value);
    }
    if (row.columns.size() != columns_.size()) {
      reader.fail(fmt::format("table {} has {} columns, this row {}", row.table, columns_.size(),
                              row.columns.size()));
    }
    try {
      insert_.exec();
    } catch (const SQLite::Exception& error) {
      if (!is_about_the_row(error)) throw;  // a full disk is no fault of the text
      reader.fail(fmt::format("the row does not fit into table {}: {}", row.table, error.what()));
    }
  }

 private:
  static std::string insert_statement(const std::string& table,
                                      const std::vector<std::string>& columns) {
    std::string places;
    for (std::size_t i = 0; i < columns.size(); ++i) places += i == 0 ? "?" : ", ?";
    return fmt::format("INSERT INTO {} ({}) VALUES ({})", table, fmt::join(columns, ", "), places);
  }

  std::vector<std::string> columns_;
  SQLite::Statement insert_;
};

bool is_exchanged(const std::string& table) {
  return std::find(kExchangeTables.begin(), kExchangeTables.end(), table) != kExchangeTables.end();
}

}  // namespace

std::int64_t read_into(SQLite::Database& scratch, ExchangeReader& reader) {
  const auto migrations = all_migrations();
  const auto version = static_cast<std::size_t>(reader.schema_version());
  if (version > migrations.size()) {
    reader.fail(fmt::format("a newer dsabench wrote this export (schema {}, this build reads {})",
                            version, migrations.size()));
  }
  const std::string path = scratch.getFilename();
  migrate(scratch, path, migrations.first(version), Backup::none);
  std::int64_t num_rows = 0;
  {
    SQLite::Transaction transaction(scratch);
    std::map<std::string, TableWriter> writers;
    for (ExchangeRow row; reader.next(row); ++num_rows) {
      auto found = writers.find(row.table);
      if (found == writers.end()) {
        if (!is_exchanged(row.table) || columns_of(scratch, "main", row.table).empty()) {
          reader.fail(fmt::format("schema {} has no table {}", version, row.table));
        }
        found = writers
                    .emplace(std::piecewise_construct, std::forward_as_tuple(row.table),
                             std::forward_as_tuple(scratch, row.table))
                    .first;
      }
      found->second.write(row, reader);
    }
    transaction.commit();
  }
  migrate(scratch, path, migrations, Backup::none);
  return num_rows;
}

}  // namespace dsabench::store
