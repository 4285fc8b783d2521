#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <string>

#include "tests/support/child_process.h"

namespace dsabench::test {

/// Another process that has a whole database locked and an uncommitted change in it.
inline HeldChild locked_by_another(const std::string& path) {
  return HeldChild([&](auto hold) {
    SQLite::Database db(path, SQLite::OPEN_READWRITE);
    db.exec("BEGIN EXCLUSIVE; DELETE FROM layer_runs");
    hold();
  });
}

}  // namespace dsabench::test
