#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/run/arm_process.h"
#include "harness/run/progress.h"
#include "harness/run/temporary_folder.h"
#include "results/store.h"

namespace dsabench {

/// One side of a comparison as it is started.
struct ArmPlan {
  Arm arm = Arm::base;
  std::string label;                   ///< for people
  std::string binary;                  ///< path
  std::vector<std::string> arguments;  ///< of its verb `run`
};
/// As the database keeps it.
ComparisonArm to_record(const ArmPlan& plan);

/// What one process measured, and the database that it wrote.
struct ArmResult {
  RunResults run;  ///< as ResultStore::load_values gives it
  std::string database;
};

/// Starts processes of arms, one at a time, each with a database of its own in a scratch folder
/// that goes with this.
class ArmRunner {
 public:
  /// `timeout` of a process; `stop` is asked while one runs. `progress` must outlive this.
  ArmRunner(std::chrono::milliseconds timeout, std::function<bool()> stop, Progress& progress);

  /// `task` names the process to people. Nothing where it was stopped. Throws Error with the last
  /// of what it said where it did not end, or with a code that says that a trial or the run failed
  /// (wrong results, code 6, and throttled ones, code 4, are results); InvalidArgument where it
  /// refused its arguments; IoError where it cannot be started.
  std::optional<ArmResult> run(const ArmPlan& arm, const ProgressTask& task);
  /// Removes what a process wrote.
  static void forget(const ArmResult& result);
  /// Ends what runs and removes the scratch folder. Beside run(), from another thread.
  void abort() noexcept;

 private:
  TemporaryFolder folder_;
  ArmProcess process_;
  std::chrono::milliseconds timeout_;
  std::function<bool()> stop_;
  Progress& progress_;
  std::int64_t num_started_ = 0;
};

/// Throws Error where `now` was made on another machine, by another build or of another model than
/// `first`: what an arm is has changed under the comparison. `name` names the arm.
void check_unchanged(const std::string& name, const RunRecord& first, const RunRecord& now);
/// Throws InvalidArgument where two arms cannot be held against each other: made on different
/// machines (naming what differs), on different devices of one, or over several.
void check_comparable(const RunRecord& base, const RunRecord& candidate);
/// Keys of the canonical form in which the arms' cells differ: those whose values over all cells
/// are not the same on both sides. Empty: the same cells. Throws InvalidArgument where cells then
/// still do not pair one to one.
std::vector<std::string> differing_keys(const std::vector<PlannedCell>& base,
                                        const std::vector<PlannedCell>& candidate);

}  // namespace dsabench
