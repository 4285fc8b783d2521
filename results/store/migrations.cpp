#include "results/store/migrations.h"

#include <fmt/format.h>
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
  const std::string backup = fmt::format("{}.v{}.bak", path, version);
  const std::string partial = fmt::format("{}.{}", backup, getpid());
  std::error_code failure;
  std::filesystem::remove(partial, failure);
  SQLite::Database reader(path, SQLite::OPEN_READONLY, kBusyTimeoutMs);
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

std::span<const std::string_view> all_migrations() {
  static const std::array<std::string_view, 1> migrations = {
      embedded::schema::schema_001_initial_sql,
  };
  return migrations;
}

void migrate(SQLite::Database& db, const std::string& path,
             std::span<const std::string_view> migrations) {
  const int latest = static_cast<int>(migrations.size());
  if (db.execAndGet("PRAGMA user_version").getInt() >= latest) return;
  bool backed_up = false;
  for (;;) {
    SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
    const int version = db.execAndGet("PRAGMA user_version").getInt();
    if (version >= latest) return;
    if (version > 0 && !backed_up) {
      back_up(path, version);
      backed_up = true;
    }
    db.exec(std::string(migrations[static_cast<std::size_t>(version)]));
    db.exec(fmt::format("PRAGMA application_id = {}", kApplicationId));
    db.exec(fmt::format("PRAGMA user_version = {}", version + 1));
    transaction.commit();
  }
}

}  // namespace dsabench::store
