#pragma once
/// Opening a results file: identity, pragmas, journal. Private to results/.
#include <SQLiteCpp/SQLiteCpp.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace dsabench::store {

/// PRAGMA application_id of every results database: "DSAb". Never changes.
inline constexpr std::int64_t kApplicationId = 0x44534162;
/// How long a writer waits for another process where nothing else is asked for.
inline constexpr std::chrono::milliseconds kBusyTimeout = std::chrono::seconds(60);

/// Who a file says it is.
struct FileIdentity {
  std::int64_t application_id = 0;
  int schema_version = 0;  ///< PRAGMA user_version
  bool empty = false;      ///< no tables at all: a new file
};
FileIdentity read_identity(SQLite::Database& db);

/// Throws StoreError where the SQLite that is linked has no STRICT tables.
void require_sqlite_version();

/// Opens for writing, creating the file, and sets the connection's pragmas. Changes nothing in the
/// file yet. Throws StoreError where the directory is missing, the file is a directory or not
/// writable; SQLite::Exception otherwise.
SQLite::Database open_for_writing(const std::string& path, std::chrono::milliseconds busy_timeout);
/// Opens an existing file that will not be written. A WAL database in a directory that cannot be
/// written is read as immutable where no log waits to be merged.
SQLite::Database open_for_reading(const std::string& path, std::chrono::milliseconds busy_timeout);

/// Throws StoreError unless the file is dsabench's (or, with `allow_empty`, new).
void require_dsabench(const FileIdentity& identity, const std::string& path, bool allow_empty);

/// WAL; DELETE where the file system is remote (its shared memory is not coherent) or refuses WAL.
void choose_journal(SQLite::Database& db, const std::string& path,
                    std::chrono::milliseconds busy_timeout);

}  // namespace dsabench::store
