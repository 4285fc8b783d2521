#pragma once
/// Numbered schema changes. Private to results/.
#include <SQLiteCpp/SQLiteCpp.h>

#include <span>
#include <string>
#include <string_view>

namespace dsabench::store {

/// Those of this build, in order: element i leads from schema i to schema i + 1.
std::span<const std::string_view> all_migrations();

/// Brings the file to schema `migrations.size()`, one transaction per step, each with its version
/// number. A file that has a schema is copied to <path>.v<N>.bak first, under the write lock, so
/// that no other process changes it in between. Safe to call from several processes at once.
void migrate(SQLite::Database& db, const std::string& path,
             std::span<const std::string_view> migrations);

}  // namespace dsabench::store
