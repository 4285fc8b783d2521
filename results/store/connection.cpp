#include "results/store/connection.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <thread>

#include "kernels/base/error.h"

namespace dsabench::store {
namespace fs = std::filesystem;
namespace {

constexpr int kStrictTablesVersion = 3037000;

fs::path directory_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

void refuse_directory(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    throw StoreError(path + ": cannot open the database: this is a directory; name a file in --db");
  }
}

void configure(SQLite::Database& db) {
  db.exec("PRAGMA foreign_keys = ON");
  db.exec("PRAGMA synchronous = NORMAL");
  // A database may come from someone else: its views must not reach functions with side effects.
  db.exec("PRAGMA trusted_schema = OFF");
}

/// A file: URI that reads the file without locks or log.
std::string immutable_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '/' || c == '.' || c == '-' || c == '_';
    uri += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return uri + "?immutable=1";
}

bool is_remote(const std::string& path) {
  // Magic numbers of statfs(2): NFS, SMB, CIFS, SMB2, AFS, Coda, NCP, 9P, Ceph, Lustre, GPFS.
  constexpr std::array<std::uint32_t, 11> kRemote = {0x6969,     0x517b,     0xff534d42, 0xfe534d42,
                                                     0x5346414f, 0x73757245, 0x564c,     0x01021997,
                                                     0x00c36400, 0x0bd00bd0, 0x47504653};
  struct statfs info {};
  if (statfs(directory_of(path).c_str(), &info) != 0) return false;
  const auto type = static_cast<std::uint32_t>(info.f_type);
  return std::find(kRemote.begin(), kRemote.end(), type) != kRemote.end();
}

/// The journal mode after asking for `mode`. SQLite does not wait by itself here when another
/// process has the new file open.
std::string set_journal_mode(SQLite::Database& db, const std::string& mode,
                             std::chrono::milliseconds busy_timeout) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + busy_timeout;
  for (;;) {
    try {
      return db.execAndGet("PRAGMA journal_mode = " + mode).getString();
    } catch (const SQLite::Exception& error) {
      if (error.getErrorCode() != SQLITE_BUSY || Clock::now() > deadline) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace

void require_sqlite_version() {
  if (sqlite3_libversion_number() < kStrictTablesVersion) {
    throw StoreError(fmt::format("results need SQLite 3.37 or newer, for STRICT tables; linked: {}",
                                 sqlite3_libversion()));
  }
}

FileIdentity read_identity(SQLite::Database& db) {
  // One snapshot: between two, another process may make the file its database.
  SQLite::Transaction snapshot(db);
  FileIdentity identity;
  identity.application_id = db.execAndGet("PRAGMA application_id").getInt64();
  identity.schema_version = db.execAndGet("PRAGMA user_version").getInt();
  identity.empty = db.execAndGet("SELECT count(*) FROM sqlite_schema").getInt64() == 0;
  return identity;
}

SQLite::Database open_for_writing(const std::string& path, std::chrono::milliseconds busy_timeout) {
  if (path.empty()) throw StoreError("cannot open the database: its path is empty");
  refuse_directory(path);
  std::error_code ignored;
  if (!fs::is_directory(directory_of(path), ignored)) {
    throw StoreError(
        fmt::format("{}: cannot open the database: its directory does not exist; create it or "
                    "choose another file with --db",
                    path));
  }
  SQLite::Database db(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
                      static_cast<int>(busy_timeout.count()));
  configure(db);
  return db;
}

SQLite::Database open_for_reading(const std::string& path, std::chrono::milliseconds busy_timeout) {
  refuse_directory(path);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw StoreError(path + ": cannot open the database: there is no such file");
  }
  try {
    SQLite::Database db(path, SQLite::OPEN_READONLY, static_cast<int>(busy_timeout.count()));
    configure(db);
    read_identity(db);
    return db;
  } catch (const SQLite::Exception& error) {
    const int code = error.getErrorCode();
    if ((code != SQLITE_CANTOPEN && code != SQLITE_READONLY) || fs::exists(path + "-wal", ignored))
      throw;
  }
  SQLite::Database db(immutable_uri(path), SQLite::OPEN_READONLY | SQLite::OPEN_URI);
  configure(db);
  return db;
}

void require_dsabench(const FileIdentity& identity, const std::string& path, bool allow_empty) {
  const bool fresh = identity.empty && identity.application_id == 0 && identity.schema_version == 0;
  if (fresh && allow_empty) return;
  if (fresh) throw StoreError(path + ": cannot open the database: it is empty");
  if (identity.application_id != kApplicationId || identity.schema_version < 1) {
    throw StoreError(fmt::format(
        "{}: cannot open the database: it belongs to another program and is left as it "
        "is; choose another file with --db (application id {}, expected {}; version {})",
        path, identity.application_id, kApplicationId, identity.schema_version));
  }
}

void choose_journal(SQLite::Database& db, const std::string& path,
                    std::chrono::milliseconds busy_timeout) {
  const bool remote = is_remote(path);
  const std::string current = db.execAndGet("PRAGMA journal_mode").getString();
  if (current == (remote ? "delete" : "wal") || current == "memory") return;
  if (!remote) {
    try {
      if (set_journal_mode(db, "WAL", busy_timeout) == "wal") return;
    } catch (const SQLite::Exception& error) {
      const int code = error.getErrorCode();
      if (code != SQLITE_IOERR && code != SQLITE_PROTOCOL && code != SQLITE_CANTOPEN) throw;
    }
  }
  set_journal_mode(db, "DELETE", busy_timeout);
}

}  // namespace dsabench::store
