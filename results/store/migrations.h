#pragma once
/// Numbered schema changes. Private to results/.
#include <SQLiteCpp/SQLiteCpp.h>

#include <chrono>
#include <span>
#include <string>
#include <string_view>

namespace dsabench::store {

/// Those of this build, in order: element i leads from schema i to schema i + 1.
std::span<const std::string_view> all_migrations();

/// Where the copy of a file of schema `version` goes.
std::string backup_path(const std::string& path, int version);

/// Whether a file is copied before it is migrated.
enum class Backup { keep, none };

/// Brings the file to schema `migrations.size()`, one transaction per step, each with its version
/// number. A file that has a schema is copied to <path>.v<N>.bak first, under the write lock, so
/// that no other process changes it in between. Safe to call from several processes at once.
/// Returns the version it found.
int migrate(SQLite::Database& db, const std::string& path,
            std::span<const std::string_view> migrations, Backup backup = Backup::keep);

/// Opens for writing, creates and migrates. A file of a newer schema is opened for reading. Throws
/// StoreError and SQLite::Exception.
SQLite::Database open_and_migrate(const std::string& path, std::chrono::milliseconds busy_timeout);

}  // namespace dsabench::store
