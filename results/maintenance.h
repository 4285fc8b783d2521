#pragma once
/// The care of results databases: whole files, not runs.
#include <cstdint>
#include <string>
#include <vector>

namespace dsabench {

/// Something wrong with a database.
struct Finding {
  std::string check;   ///< "integrity", "foreign_key", "schema", "cell_id", ...
  std::string detail;  ///< which row, and what is wrong with it
};

struct CheckReport {
  int schema_version = 0;
  std::int64_t num_runs = 0, num_trials = 0, num_samples = 0;
  std::vector<Finding> findings;  ///< at most 20 per check, with the count of the rest
  bool clean() const { return findings.empty(); }
};

/// Reads the whole file and changes nothing: SQLite's integrity and foreign keys, the schema
/// against this build's, ids against the hashes of what they name, positions without holes, indexer
/// counts of ok trials against the pattern, scores in [0, 1], markers of trials in runs that ended.
/// Damage is a finding; of an older or newer schema only SQLite's own checks are made, which is one
/// too. Throws StoreError for a file that is absent, locked, or no results database.
CheckReport check_database(const std::string& path);

struct MigrationReport {
  int from_version = 0, to_version = 0;  ///< equal: there was nothing to do
  std::string backup;                    ///< the copy made before; empty where nothing was done
};

/// Brings an existing database to this build's schema. Throws StoreError, also for a newer schema.
MigrationReport migrate_database(const std::string& path);

}  // namespace dsabench
