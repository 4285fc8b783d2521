#pragma once
#include <functional>

#include "harness/cli/result_output.h"
#include "harness/cli/verbs.h"
#include "harness/plan/run_plan.h"
#include "harness/run/environment.h"
#include "harness/run/progress.h"

namespace dsabench {

/// Turns model options into a request. Throws InvalidArgument for a malformed --set, --picks,
/// --device or --dtype. Whether the device is there shows when the model is loaded.
ModelRequest to_request(const ModelOptions& options);
/// The name of the first GPU that this build can use, else the CPU's.
std::string best_device();
std::optional<Dialect> to_dialect(const ModelOptions& options);
std::vector<Retention> parse_retentions(const std::string& text);  ///< empty text: none

/// The cells as a table with what they are expected to cost, for --dry-run. Reads the database
/// where there is one, and touches nothing.
Table plan_table(const RunPlan& plan, const std::string& database, const Invocation& invocation);

/// What the parts of a sweep have in common, once the model is there.
struct SweepSession {
  const RunPlan& plan;
  const LoadedModel& model;
  ResultStore& store;
  Progress& progress;
  const ResultOutput& output;
  const Invocation& invocation;
  const RunControlOptions& control;
  std::string run_id;
};
/// Runs `go` under an InterruptGuard and the time limit, and writes the run's tables. A database
/// that fails on the way ends it with a remark on how to go on.
ExitCode run_session(const SweepSession& session, const std::function<RunSummary(Runner&)>& go);

/// Loads the model, runs the plan, and writes the tables: what demo, run and reproduce do once they
/// know what to measure. With dry_run: the plan's table alone.
ExitCode run_sweep(const RunPlan& plan, const RunControlOptions& control,
                   const ResultOutput& output, const Invocation& invocation);

/// Throws InvalidArgument for a --time-limit that is none: what sessions do only once the model is
/// there.
void check_time_limit(const RunControlOptions& control);
/// What a run is made on, by and of; begins now in name only: times and status are the caller's.
RunRecord describe_run(const LoadedModel& model, const RunPlan& plan,
                       const std::string& command_line);

LoadedModel load_and_tell(const ModelRequest& request, Progress& progress);

}  // namespace dsabench
