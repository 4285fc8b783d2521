#pragma once
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "harness/cli/result_output.h"
#include "harness/cli/verbs.h"
#include "harness/plan/run_plan.h"
#include "harness/run/environment.h"
#include "harness/run/progress.h"

namespace dsabench {

/// Turns model options into a request. Throws InvalidArgument for a malformed --set, --picks,
/// --device or --dtype. Whether the device is there shows when the model is loaded.
ModelRequest to_request(const ModelOptions& options);
/// The same for a verb that looks at one cell: throws for all GPUs too.
ModelRequest to_request_of_one_device(const ModelOptions& options, const char* verb);
/// The name of the first GPU that this build can use, else the CPU's.
std::string best_device();
std::optional<Dialect> to_dialect(const ModelOptions& options);
std::vector<Retention> parse_retentions(const std::string& text);  ///< empty text: none

/// The cells as a table with what they are expected to cost, for --dry-run. Reads the database
/// where there is one, and touches nothing.
Table plan_table(const RunPlan& plan, const std::string& database, const Invocation& invocation);
/// Those of several sweeps that run one after the other.
std::vector<Table> plan_tables(std::span<const RunPlan> plans, const std::string& database,
                               const Invocation& invocation);

/// What the parts of a sweep have in common, once it is known what runs it.
struct SweepSession {
  const RunPlan& plan;
  ResultStore& store;
  Progress& progress;
  const ResultOutput& output;
  const Invocation& invocation;
  const RunControlOptions& control;
  std::string run_id;
};
/// What a session lets the one who runs its trials ask.
struct SessionLimits {
  std::function<bool()> interrupted;
  TimeLimit* time_limit = nullptr;  ///< null: none
};
/// Runs `go` under an InterruptGuard, whose abort is `abort`, and the time limit, and writes the
/// run's tables. A database that fails on the way ends it with a remark on how to go on.
ExitCode run_session(const SweepSession& session, const std::function<void()>& abort,
                     const std::function<RunSummary(const SessionLimits&)>& go);
/// The same where this process runs the trials.
ExitCode run_session_here(const SweepSession& session, const LoadedModel& model,
                          const std::function<RunSummary(Runner&)>& go);
/// What a runner of the plan is given, but for limits and conditions.
RunOptions run_options_for(const RunPlan& plan, bool ceilings, const Invocation& invocation);

/// Loads the model, runs the plan, and writes the tables: what demo, run and reproduce do once they
/// know what to measure. With dry_run: the plan's table alone.
ExitCode run_sweep(const RunPlan& plan, const RunControlOptions& control,
                   const ResultOutput& output, const Invocation& invocation);
/// The same for one of several sweeps whose tables are printed together in the end: prints none.
/// Its run is the database's last.
std::pair<ExitCode, RunResults> run_sweep_for_results(const RunPlan& plan,
                                                      const RunControlOptions& control,
                                                      const Invocation& invocation);

/// A stored run and what is left of it to do, here.
struct ResumedSweep {
  RunProgress before;
  RunPlan plan;
  std::vector<TrialTask> tasks;
  Continuation here;
  bool new_machine = false;  ///< machine and build may be other ones
};
/// Throws InvalidArgument where the model, or what else must, is not the run's.
void check_resumable(const ResumedSweep& sweep, const ModelIdentity& model);

/// Of a sweep over several devices, a process each: the run begun, or gone on with.
ExitCode run_spread_sweep(const SweepSession& session, const std::vector<Device>& devices);
ExitCode resume_spread_sweep(const SweepSession& session, const ResumedSweep& sweep,
                             const std::vector<Device>& devices);

/// Throws InvalidArgument for a --time-limit that is none: what sessions do only once the model is
/// there.
void check_time_limit(const RunControlOptions& control);
/// What a run is made on, by and of; begins now in name only: times and status are the caller's.
RunRecord describe_run(const ModelIdentity& model, const RunPlan& plan,
                       const std::string& command_line);

LoadedModel load_and_tell(const ModelRequest& request, Progress& progress);

}  // namespace dsabench
