#pragma once
/// What `ab` and `calibrate` share: processes of arms, their rounds in the database, signals.
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "harness/cli/verbs.h"
#include "harness/run/ab_run.h"
#include "harness/run/arm_runner.h"
#include "harness/run/interrupt.h"
#include "harness/run/progress.h"
#include "results/store.h"

namespace dsabench {

/// Runs under an InterruptGuard: the first signal ends the process that runs and, with it, its
/// round; the second also writes down that the comparison was interrupted. The scratch folder goes
/// in every case. A comparison that was begun and not ended, as by an exception, is stored as
/// failed.
class ComparisonSession {
 public:
  /// Throws InvalidArgument for options that are none, and StoreError.
  ComparisonSession(const ComparisonControlOptions& options, const Invocation& invocation);
  ~ComparisonSession();
  ComparisonSession(const ComparisonSession&) = delete;
  ComparisonSession& operator=(const ComparisonSession&) = delete;

  Progress& progress() { return *progress_; }
  ResultStore& store() { return store_; }
  std::uint64_t seed() const { return seed_; }
  bool interrupted() const { return guard_.interrupted(); }

  /// One process of the arm, whose results are thrown away but for what it returns: it says what
  /// the arm measures, and must be the same in all that follow. Throws Interrupted.
  RunResults warm_up(const ArmPlan& arm);

  /// `record`: kind, calibration, machine, seed and settings; the rest is set here. Arms that were
  /// not warmed up are held to the base's warm-up.
  void begin(ComparisonRecord record, const std::vector<ArmPlan>& plans);
  /// Of the comparison that was begun last. `fits` goes by the rounds that were made so far.
  RoundCallbacks callbacks();
  void finish(const std::string& status);
  const std::string& comparison_id() const { return comparison_id_; }

  /// Processes that will have been started by the end of what is under way, for the time left.
  void expect_processes(std::int64_t total) { num_expected_ = total; }
  std::int64_t num_processes() const { return num_started_; }

 private:
  std::optional<RunResults> measure(const ComparisonSample& turn);
  void keep(std::span<const GateSample> round);
  bool fits() const;
  void abort() noexcept;
  /// Where an abort is under way it ends the process, and has the last word.
  void give_way_to_abort() const;
  double elapsed_s() const;

  const Invocation& invocation_;
  std::unique_ptr<Progress> progress_;
  double time_limit_s_ = 0;  ///< 0: none
  std::chrono::milliseconds timeout_;
  ResultStore store_;
  std::uint64_t seed_ = 0;
  std::int64_t num_expected_ = 0, num_started_ = 0;
  double rounds_s_ = 0;  ///< time of whole rounds
  std::int64_t num_rounds_ = 0;
  std::chrono::steady_clock::time_point round_started_;

  std::map<Arm, ArmPlan> plans_;
  std::map<Arm, RunRecord> first_;             ///< what an arm was made by, at its warm-up
  std::map<std::int64_t, ArmResult> results_;  ///< of the round under way, by place

  mutable std::mutex mutex_;  ///< of what an abort reads
  std::string comparison_id_;
  std::atomic<bool> aborted_{false};
  ArmRunner runner_;
  InterruptGuard guard_;  // last: no abort once anything above goes
};

}  // namespace dsabench
