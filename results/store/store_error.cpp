#include "results/store/store_error.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "kernels/base/error.h"

namespace dsabench::store {
namespace {

const char* advice(int code) {
  switch (code) {
    case SQLITE_NOTADB:
      return "the file is not a SQLite database, or its head is damaged; choose another file with "
             "--db";
    case SQLITE_CORRUPT:
      return "the database is damaged; keep a copy and rescue its rows with \"sqlite3 FILE "
             ".recover\", or choose another file with --db";
    case SQLITE_FULL:
      return "the disk is full; nothing of this step was written and everything before it stays: "
             "free some space, then resume";
    case SQLITE_IOERR:
      return "reading or writing failed (a full disk, a quota, a file size limit or a bad device); "
             "everything committed before stays";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another process kept it locked for too long; end that process or choose another file "
             "with --db";
    case SQLITE_READONLY:
      return "the file or its directory is not writable; change its permissions or choose another "
             "file with --db";
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return "the file cannot be opened; check that its directory exists and that both may be read "
             "and written";
    case SQLITE_CONSTRAINT:
      return "the rows contradict what is stored, and nothing of this step was written";
    case SQLITE_TOOBIG:
      return "a text is too long for a row, and nothing of this step was written";
    default:
      return "nothing of this step was written";
  }
}

}  // namespace

void throw_store_error(const std::string& path, std::string_view action,
                       const SQLite::Exception& error) {
  throw StoreError(fmt::format("{}: cannot {}: {} (SQLite {}: {})", path, action,
                               advice(error.getErrorCode() & 0xff), error.getExtendedErrorCode(),
                               error.what()));
}

bool is_damage(const SQLite::Exception& error) {
  return (error.getErrorCode() & 0xff) == SQLITE_CORRUPT;
}

}  // namespace dsabench::store
