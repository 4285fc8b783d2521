#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "results/record.h"

namespace dsabench {

/// Everything of one run, in plan order.
struct RunResults {
  RunRecord run;
  std::vector<PlannedCell> plan;
  std::vector<TrialRecord> trials;
};

/// The results database: SQLite, STRICT tables, WAL (DELETE where the file system has no shared
/// memory), application id and numbered migrations (results/schema/NNN_name.sql, embedded at
/// build). One connection; several processes may write one file at a time (busy timeout). Every
/// method throws StoreError naming the file; what was committed stays.
class ResultStore {
 public:
  enum class Mode { read_write, read_only };
  /// Opens, creates and migrates. A database of a newer schema opens read-only with
  /// `is_newer_schema()`; one that is not dsabench's, or corrupt, is refused.
  static ResultStore open(const std::string& path, Mode mode);

  ResultStore(ResultStore&&) noexcept;
  ResultStore& operator=(ResultStore&&) noexcept;
  ~ResultStore();

  bool is_newer_schema() const;
  int schema_version() const;
  const std::string& path() const;

  /// Writes the run and its whole plan in one transaction.
  void add_run(const RunRecord& run, const std::vector<PlannedCell>& plan);
  /// Writes a finished trial with all it measured in one transaction.
  void add_trial(const TrialRecord& trial);
  void finish_run(const std::string& run_id, const std::string& status, std::int64_t finished_ms);

  /// Newest first.
  std::vector<RunRecord> list_runs() const;
  /// By full id or unique prefix; throws InvalidArgument for none or several.
  RunResults load_run(const std::string& id_or_prefix) const;
  /// Patterns seen so far with the cells that used them, for `list patterns`.
  struct PatternUse {
    std::string pattern, origin;
    std::int64_t num_cells = 0;
  };
  std::vector<PatternUse> list_patterns() const;

 private:
  struct State;
  explicit ResultStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The schema version this build writes.
int current_schema_version();

}  // namespace dsabench
