#include "results/store/run_digest.h"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <sqlite3.h>
#include <xxhash.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace dsabench::store {
namespace {

/// Rows as bytes: each value with its type and length, so that no two rows look alike.
class Digest {
 public:
  Digest() : state_(XXH3_createState(), XXH3_freeState) { XXH3_128bits_reset(state_.get()); }

  void add(const SQLite::Column& column) {
    const int type = column.getType();
    add_bytes(&type, sizeof type);
    if (type == SQLITE_INTEGER) {
      const std::int64_t value = column.getInt64();
      add_bytes(&value, sizeof value);
    } else if (type == SQLITE_FLOAT) {
      const double value = column.getDouble();
      add_bytes(&value, sizeof value);
    } else if (type != SQLITE_NULL) {
      const void* bytes = column.getBlob();
      const std::int64_t size = column.getBytes();
      add_bytes(&size, sizeof size);
      add_bytes(bytes, static_cast<std::size_t>(size));
    }
  }

  /// All rows from column `first` on, and their number.
  void add_rows(SQLite::Statement& query, int first = 0) {
    std::int64_t rows = 0;
    for (; query.executeStep(); ++rows) add_row(query, first);
    add_bytes(&rows, sizeof rows);
  }
  void add_row(SQLite::Statement& query, int first) {
    for (int i = first; i < query.getColumnCount(); ++i) add(query.getColumn(i));
  }

  std::string hex() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  }

 private:
  void add_bytes(const void* bytes, std::size_t size) {
    if (size > 0) XXH3_128bits_update(state_.get(), bytes, size);
  }

  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

constexpr const char* kOfRun[] = {
    "SELECT * FROM {0}.run WHERE run_id = ?",
    "SELECT * FROM {0}.continuation WHERE run_id = ? ORDER BY position",
    "SELECT * FROM {0}.ceiling WHERE run_id = ? ORDER BY continuation, name",
    ("SELECT planned_cell.*, canonical_json FROM {0}.planned_cell JOIN {0}.cell USING (cell_id)"
     " WHERE run_id = ? ORDER BY position, cell_id"),
    "SELECT * FROM {0}.running_trial WHERE run_id = ? ORDER BY cell_id, repeat",
    "SELECT * FROM {0}.profile WHERE run_id = ?",
    "SELECT * FROM {0}.profile_value WHERE run_id = ? ORDER BY watched, position",
    "SELECT * FROM {0}.profile_stage WHERE run_id = ? ORDER BY watched, sample, layer, stage",
    "SELECT * FROM {0}.profile_kernel WHERE run_id = ? ORDER BY layer, stage, name",
    "SELECT * FROM {0}.search WHERE run_id = ?",
    ("SELECT * FROM {0}.search_flip WHERE run_id = ?"
     " ORDER BY calibration, method, step, position"),
    "SELECT * FROM {0}.search_pattern WHERE run_id = ? ORDER BY calibration, method, pattern",
};

constexpr const char* kOfTrial[] = {
    ("SELECT name, unit, better, position, value FROM {0}.metric LEFT JOIN {0}.sample"
     " USING (metric_id) WHERE trial_id = ? ORDER BY metric_id, position"),
    ("SELECT metric, sample, layer, stage, nanoseconds FROM {0}.stage_time WHERE trial_id = ?"
     " ORDER BY metric, sample, layer, stage"),
    ("SELECT position, elapsed_ns, sm_mhz, memory_mhz, power_mw, energy_mj, temperature_c,"
     " clock_limits FROM {0}.device_sample WHERE trial_id = ? ORDER BY position"),
    "SELECT layer, runs, expected FROM {0}.layer_runs WHERE trial_id = ? ORDER BY layer",
    ("SELECT position, item_id, task, prompt_hash, prompt_tokens, output_tokens, text, finish,"
     " score FROM {0}.answer JOIN {0}.output USING (output_id)"
     " WHERE trial_id = ? ORDER BY position"),
};

constexpr const char* kOfComparison[] = {
    "SELECT * FROM {0}.comparison WHERE comparison_id = ?",
    "SELECT * FROM {0}.comparison_arm WHERE comparison_id = ? ORDER BY arm",
    "SELECT * FROM {0}.comparison_sample WHERE comparison_id = ? ORDER BY round, place",
};

template <class Statements>
void add_all(Digest& digest, const Statements& statements, SQLite::Database& db,
             const std::string& database, const std::string& id) {
  for (const char* sql : statements) {
    SQLite::Statement query(db, fmt::format(fmt::runtime(sql), database));
    query.bind(1, id);
    digest.add_rows(query);
  }
}

}  // namespace

std::string run_digest(SQLite::Database& db, const std::string& database,
                       const std::string& run_id) {
  Digest digest;
  add_all(digest, kOfRun, db, database, run_id);
  std::vector<std::unique_ptr<SQLite::Statement>> of_trial;
  for (const char* sql : kOfTrial) {
    of_trial.push_back(
        std::make_unique<SQLite::Statement>(db, fmt::format(fmt::runtime(sql), database)));
  }
  SQLite::Statement trials(
      db, fmt::format("SELECT * FROM {}.trial WHERE run_id = ? ORDER BY trial_id", database));
  trials.bind(1, run_id);
  while (trials.executeStep()) {
    digest.add_row(trials, 1);
    for (const auto& query : of_trial) {
      query->reset();
      query->bind(1, trials.getColumn(0).getInt64());
      digest.add_rows(*query);
    }
  }
  return digest.hex();
}

std::string comparison_digest(SQLite::Database& db, const std::string& database,
                              const std::string& comparison_id) {
  Digest digest;
  add_all(digest, kOfComparison, db, database, comparison_id);
  return digest.hex();
}

}  // namespace dsabench::store
