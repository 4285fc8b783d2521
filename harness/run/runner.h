#pragma once
#include <chrono>
#include <functional>
#include <memory>

#include "engine/engine.h"
#include "harness/plan/sweep_plan.h"
#include "harness/profile/device_monitor.h"
#include "harness/run/expected_cost.h"
#include "harness/run/progress.h"
#include "harness/run/stopping_rule.h"
#include "harness/run/trial_list.h"
#include "harness/target/model_source.h"
#include "results/store.h"

namespace dsabench {

class SampleSets;
class TimeLimit;

/// Makes the engine of one trial. A seam for tests: the runner believes the cell, not the engine.
using EngineFactory = std::function<std::unique_ptr<Engine>(const LoadedModel&, const PlanEntry&)>;
/// The built-in engine with the cell's pattern and options.
std::unique_ptr<Engine> make_engine(const LoadedModel& model, const PlanEntry& entry);

/// Bytes that can be had where the model's weights are; negative where unknown.
std::int64_t free_memory_bytes(const LoadedModel& model);

struct RunOptions {
  std::int64_t repeats = 1;
  SamplingLimits limits;
  EngineFactory engine_factory = make_engine;
  StoppingRuleFactory stopping_rule = std::make_unique<MedianNoiseRule, const SamplingLimits&>;
  /// Added to what is noted of every trial: names and numbers.
  std::vector<std::pair<std::string, std::int64_t>> conditions;
  /// Asked between trials.
  std::function<bool()> interrupted = [] { return false; };
  /// Asked before each cell, so that one that cannot fit fails with what would.
  std::function<std::int64_t(const LoadedModel&)> free_memory = free_memory_bytes;
  /// Watches speed trials; none: their conditions say why.
  MonitorChoice watch;
  /// How often a trial that was discarded is tried again at once, and how long the device rests
  /// before the first of these, twice as long before the second, and so on.
  std::int64_t max_retries = 2;
  std::chrono::milliseconds rest = std::chrono::seconds(5);
  /// Called once, before the first speed trial; empty: nothing is measured.
  std::function<std::vector<Ceiling>()> measure_ceilings;
  /// Asked between trials, and told of each; null: a run takes what it takes. It must outlive the
  /// runner.
  TimeLimit* time_limit = nullptr;
};

/// How a run ended, and its trials by outcome.
struct RunSummary {
  std::string run_id;
  std::string status;  ///< done, interrupted; failed: nobody is left to run it
  std::int64_t num_ok = 0, num_incorrect = 0, num_failed = 0;
  std::int64_t num_discarded = 0;  ///< also at the last attempt
  bool out_of_time = false;        ///< interrupted by the time limit
};

/// Counts an outcome.
void count(RunSummary& summary, TrialOutcome outcome);
/// Counts what was tried of a run.
void count(RunSummary& summary, std::span<const RunProgress::Pair> tried);

/// Machine and build of trials, where they are not their run's; else empty.
struct RunMakers {
  std::string machine_id, build_id;
};
/// Those of a continuation of the run.
RunMakers makers_beside(const RunRecord& run, const Continuation& continuation);

/// How a trial ended, and what it took, the last time that it was tried.
struct EndedTrial {
  TrialOutcome outcome = TrialOutcome::failed;
  TrialCost cost;
};

/// A trial that a worker is told to run.
struct AssignedTrial {
  TrialTask task;
  TrialPosition position;
};

/// Runs a plan: every cell on a fresh engine, `repeats` times over, cells inside repeats. Writes
/// the run and its plan first, then of each trial that it has begun, and all of it as it ends. What
/// goes wrong in a trial is its outcome, and the run goes on: a verification that does not hold is
/// `incorrect`, everything else `failed`. A right one whose device was throttled is `discarded`,
/// kept, and tried again up to max_retries times.
class Runner {
 public:
  /// All of it must outlive the runner.
  Runner(const LoadedModel& model, ResultStore& store, Progress& progress, RunOptions options);

  /// `run` says what the run is; times, status and, where it is empty, the id are set here. Throws
  /// InvalidArgument before anything is written where the plan does not fit the model (no indexer
  /// weights on a Full layer, no prompts of such a length), and StoreError.
  RunSummary run(RunRecord run, const SweepPlan& plan);

  /// Goes on with a run of this plan: `tasks` is what is left. Trials are marked with the
  /// continuation's machine and build where they are not the run's. The summary counts the whole
  /// run. Throws as run().
  RunSummary resume(const RunProgress& before, const SweepPlan& plan,
                    const std::vector<TrialTask>& tasks, const Continuation& continuation);

  /// Runs trials of a run that another process has under way, one after another as `next` names
  /// them, and tells `ended` of each; `own` are machine and build where they are not the run's.
  /// Neither begins nor ends the run.
  void work(const std::string& run_id, const RunMakers& own, const SweepPlan& plan,
            const std::function<std::optional<AssignedTrial>()>& next,
            const std::function<void(const EndedTrial&)>& ended);

  /// Throws as run() does before it writes anything.
  void check_fits(const SweepPlan& plan) const;

 private:
  struct Session;
  RunSummary execute(const Session& session, const std::vector<TrialTask>& tasks,
                     RunSummary summary);
  EndedTrial run_task(const Session& session, const TrialTask& task, TrialPosition position);
  TrialRecord run_trial(const Session& session, const TrialTask& task);
  bool is_out_of_time(const Cell& next) const;
  void rest(std::chrono::milliseconds time) const;
  void add_ceilings(const Session& session);

  const LoadedModel& model_;
  ResultStore& store_;
  Progress& progress_;
  RunOptions options_;
  bool has_ceilings_ = false;
};

}  // namespace dsabench
