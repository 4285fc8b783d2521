#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "results/comparison_record.h"
#include "results/history_record.h"
#include "results/profile_record.h"
#include "results/record.h"
#include "results/search_record.h"

namespace dsabench {

/// Everything of one run, in plan order.
struct RunResults {
  RunRecord run;
  std::vector<PlannedCell> plan;
  std::vector<TrialRecord> trials;
};

/// How far a run is: what is left to do, without the samples.
struct RunProgress {
  /// A cell and repeat that was tried.
  struct Pair {
    std::string cell_id;
    std::int64_t repeat = 0;
    bool ok = false;
    std::int64_t num_trials = 0;   ///< attempts written, of any outcome
    std::int64_t num_crashed = 0;  ///< of them, those that ended with their process
    TrialOutcome last_outcome = TrialOutcome::failed;
    bool last_crashed = false;  ///< the last attempt ended with its process
  };
  RunRecord run;
  std::vector<PlannedCell> plan;
  std::vector<Pair> tried;  ///< by position in the plan, then repeat
  std::vector<RunningTrial> running;
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
  /// `busy_timeout`: how long to wait for another process that holds the file.
  static ResultStore open(const std::string& path, Mode mode,
                          std::chrono::milliseconds busy_timeout = std::chrono::seconds(60));

  ResultStore(ResultStore&&) noexcept;
  ResultStore& operator=(ResultStore&&) noexcept;
  ~ResultStore();

  bool is_newer_schema() const;
  int schema_version() const;
  const std::string& path() const;

  /// Writes the run and its whole plan in one transaction. A run with status "running" is under way
  /// in this process from now on, until finish_run.
  void add_run(const RunRecord& run, const std::vector<PlannedCell>& plan);
  /// Marks a trial as begun by this process, so that a crash can be told from a trial that never
  /// began: fills in the process. A marker of the same run, cell and repeat is replaced.
  void begin_trial(const std::string& run_id, const std::string& cell_id, std::int64_t repeat,
                   std::int64_t started_ms);
  /// Writes a finished trial with all it measured, and takes its marker away, in one transaction.
  void add_trial(const TrialRecord& trial);
  /// Turns the run's markers whose process is gone (or ran before the last boot, or on another
  /// machine) into trials that failed with kCrashReason, in one transaction, and returns them.
  /// Markers of live processes stay: load_progress(...).running.
  std::vector<RunningTrial> record_crashes(const std::string& run_id, std::int64_t now_ms);
  /// Notes that this process has the run under way, until it ends or finish_run. Where another live
  /// process has, that one's id comes back and nothing is written.
  std::optional<std::int64_t> claim_run(const std::string& run_id);
  /// Writes what the run's process measured of its machine: the continuation that runs it is set
  /// here.
  void add_ceilings(const std::string& run_id, std::vector<Ceiling> ceilings);
  void finish_run(const std::string& run_id, const std::string& status, std::int64_t finished_ms);
  /// Sets the run running again and notes by what. Where machine or build are not the run's it is
  /// mixed from now on, and its trials from there carry their own ids. Claims the run; throws where
  /// another live process has it under way.
  void reopen_run(const std::string& run_id, const Continuation& continuation);

  /// Writes a profile, which is whole: its run (of status kProfileStatus) with ceilings and planned
  /// cell, and what was seen, in one transaction.
  void add_profile(const RunRecord& run, const PlannedCell& planned, const ProfileRecord& profile);

  /// Writes a search: its run (of status kSearchStatus) and what was seen, in one transaction.
  void add_search(const RunRecord& run, const SearchRecord& search);

  /// Writes a comparison with its arms; samples follow one by one.
  void add_comparison(const ComparisonRecord& comparison);
  /// Takes the only run of `scratch` (the database that a process of an arm wrote, migrated if it
  /// is older) over and notes it as a sample, in one transaction. Returns the run's id.
  std::string add_comparison_sample(const std::string& comparison_id, ComparisonSample sample,
                                    const std::string& scratch);
  void finish_comparison(const std::string& comparison_id, const std::string& status,
                         std::int64_t finished_ms);
  /// Newest first.
  std::vector<ComparisonRecord> list_comparisons() const;
  /// By full id, unique prefix or "last"; throws InvalidArgument for none or several.
  ComparisonRecord load_comparison(const std::string& id_or_prefix) const;

  /// Notes runs as the baseline of a name and returns it; throws InvalidArgument for an unknown
  /// run.
  BaselineRecord promote_baseline(const std::string& name, const std::vector<std::string>& runs,
                                  const std::string& note, std::int64_t now_ms);
  /// Retires the baseline that is in force under the name: the one before it is again. Throws
  /// InvalidArgument where there is none.
  BaselineRecord retire_baseline(const std::string& name, std::int64_t now_ms);
  /// Newest first, retired ones included.
  std::vector<BaselineRecord> list_baselines() const;

  /// Newest first.
  std::vector<RunRecord> list_runs() const;
  /// By full id or unique prefix; throws InvalidArgument for none or several.
  RunResults load_run(const std::string& id_or_prefix) const;
  /// As load_run, without what the trials measured: fast for any number of samples.
  RunProgress load_progress(const std::string& id_or_prefix) const;
  /// As load_run, without stage times, layer runs and device samples: what verdicts are made from.
  RunResults load_values(const std::string& id_or_prefix) const;
  /// Nothing for a run that is none. Throws InvalidArgument where there is no such run.
  std::optional<ProfileRecord> load_profile(const std::string& id_or_prefix) const;
  /// Nothing for a run that is none. Throws InvalidArgument where there is no such run.
  std::optional<SearchRecord> load_search(const std::string& id_or_prefix) const;
  /// Timed metrics of right cells over at least `fewest_runs` runs, without the arms of comparisons;
  /// by cell, metric and machine. Reads the samples of these metrics alone.
  std::vector<MetricHistory> load_histories(std::int64_t fewest_runs) const;
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
