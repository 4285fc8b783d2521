#include "results/store/migrations.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "kernels/base/error.h"
#include "results/store/connection.h"
#include "schema.h"

namespace dsabench::store {
namespace {

/// VACUUM INTO cannot run inside the transaction that holds the write lock, hence the second
/// connection; the rename keeps a half-written copy from passing for a backup.
void back_up(const std::string& path, int version) {
  const std::string backup = backup_path(path, version);
  const std::string partial = fmt::format("{}.{}", backup, getpid());
  std::error_code failure;
  std::filesystem::remove(partial, failure);
  SQLite::Database reader(path, SQLite::OPEN_READONLY, static_cast<int>(kBusyTimeout.count()));
  SQLite::Statement copy(reader, "VACUUM INTO ?");
  copy.bind(1, partial);
  copy.executeStep();
  std::filesystem::rename(partial, backup, failure);
  if (failure) {
    throw StoreError(fmt::format("{}: cannot back up the database before migrating it: {}", backup,
                                 failure.message()));
  }
}

}  // namespace

std::string backup_path(const std::string& path, int version) {
  return fmt::format("{}.v{}.bak", path, version);
}

std::span<const std::string_view> all_migrations() {
  static const std::array<std::string_view, 7> migrations = {
      embedded::schema::schema_001_initial_sql,     embedded::schema::schema_002_resume_sql,
      embedded::schema::schema_003_run_process_sql, embedded::schema::schema_004_device_watch_sql,
      embedded::schema::schema_005_profile_sql,     embedded::schema::schema_006_search_sql,
      embedded::schema::schema_007_comparison_sql,
  };
  return migrations;
}

int migrate(SQLite::Database& db, const std::string& path,
            std::span<const std::string_view> migrations, Backup backup) {
  const int latest = static_cast<int>(migrations.size());
  const int found = db.execAndGet("PRAGMA user_version").getInt();
  if (found >= latest) return found;
  int first = -1;  // another process may have been faster
  for (;;) {
    SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
    const int version = db.execAndGet("PRAGMA user_version").getInt();
    if (first < 0) {
      first = version;
      if (version > 0 && version < latest && backup == Backup::keep) back_up(path, version);
    }
    if (version >= latest) return first;
    db.exec(std::string(migrations[static_cast<std::size_t>(version)]));
    db.exec(fmt::format("PRAGMA application_id = {}", kApplicationId));
    db.exec(fmt::format("PRAGMA user_version = {}", version + 1));
    transaction.commit();
  }
}

SQLite::Database open_and_migrate(const std::string& path, std::chrono::milliseconds busy_timeout) {
  SQLite::Database db = open_for_writing(path, busy_timeout);
  const FileIdentity identity = read_identity(db);
  require_dsabench(identity, path, true);
  if (identity.schema_version > static_cast<int>(all_migrations().size()))
    return open_for_reading(path, busy_timeout);
  if (sqlite3_db_readonly(db.getHandle(), "main") == 1) {
    throw StoreError(path +
                     ": cannot open the database: the file is not writable; change its permissions "
                     "or choose another file with --db");
  }
  choose_journal(db, path, busy_timeout);
  migrate(db, path, all_migrations());
  return db;
}

}  // namespace dsabench::store
