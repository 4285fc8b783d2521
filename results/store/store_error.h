#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <string>
#include <string_view>

namespace dsabench::store {

/// Throws the StoreError that tells a user what SQLite's error means for this file and what to do.
/// `action` completes "cannot ...".
[[noreturn]] void throw_store_error(const std::string& path, std::string_view action,
                                    const SQLite::Exception& error);

/// Whether the error means that the file's content is damaged, not that it could not be reached.
bool is_damage(const SQLite::Exception& error);

/// Calls `call`, with SQLite's errors turned into StoreErrors.
template <class Call>
auto with_store_errors(const std::string& path, std::string_view action, Call&& call) {
  try {
    return call();
  } catch (const SQLite::Exception& error) {
    throw_store_error(path, action, error);
  }
}

}  // namespace dsabench::store
