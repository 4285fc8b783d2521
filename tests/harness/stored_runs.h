#pragma once
#include "results/store.h"

namespace dsabench::test {

/// The newest run of a database.
inline RunResults last_run(const std::string& db) {
  const ResultStore store = ResultStore::open(db, ResultStore::Mode::read_only);
  return store.load_run(store.list_runs().at(0).run_id);
}

}  // namespace dsabench::test
