#pragma once
/// What a ResultStore holds. Private to results/.
#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <string>
#include <type_traits>

#include "kernels/base/error.h"
#include "results/store.h"
#include "results/store/store_error.h"

namespace dsabench {

struct ResultStore::State {
  std::string path;
  Mode mode;
  mutable SQLite::Database db;
  int schema_version = 0;

  /// Runs `call` in one transaction, with errors that name the file and what was tried.
  template <class Call>
  auto transact(SQLite::TransactionBehavior behavior, const std::string& action, Call call) const {
    return store::with_store_errors(path, action, [&] {
      SQLite::Transaction transaction(db, behavior);
      try {
        if constexpr (std::is_void_v<decltype(call())>) {
          call();
          transaction.commit();
        } else {
          auto result = call();
          transaction.commit();
          return result;
        }
      } catch (StoreError& error) {
        error.add_context(fmt::format("{}: cannot {}", path, action));
        throw;
      }
    });
  }
  /// Throws StoreError where the database is not to be written.
  void require_writable(const std::string& action) const {
    if (schema_version > current_schema_version()) {
      throw StoreError(
          fmt::format("{}: cannot {}: a newer dsabench wrote this database and it is read only "
                      "here; use that version or choose another file with --db (schema {}, this "
                      "build writes {})",
                      path, action, schema_version, current_schema_version()));
    }
    if (mode == Mode::read_only) {
      throw StoreError(fmt::format("{}: cannot {}: it was opened for reading only", path, action));
    }
  }
  template <class Call>
  auto write(const std::string& action, Call call) {
    require_writable(action);
    return transact(SQLite::TransactionBehavior::IMMEDIATE, action, std::move(call));
  }
  /// One snapshot for all the statements of a call.
  template <class Call>
  auto read(const std::string& action, Call call) const {
    return transact(SQLite::TransactionBehavior::DEFERRED, action, std::move(call));
  }
};

}  // namespace dsabench
