#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "harness/cli/results_database.h"
#include "harness/cli/sweep.h"
#include "harness/run/resume_check.h"
#include "harness/run/wall_clock.h"
#include "kernels/base/error.h"
#include "results/identity.h"

namespace dsabench {
namespace {

/// The run as it is once it is this process's and crashed trials are written down. Throws where
/// another process runs it.
RunProgress settle(ResultStore& store, const std::string& run_id, Progress& progress) {
  if (store.load_profile(run_id)) {
    throw InvalidArgument(
        fmt::format("run {} is a profile: there is nothing to go on with", run_id));
  }
  if (const std::optional<std::int64_t> other = store.claim_run(run_id)) {
    throw InvalidArgument(
        fmt::format("run {} is being run by process {}; wait for it or end it", run_id, *other));
  }
  const std::size_t crashed = store.record_crashes(run_id, unix_milliseconds()).size();
  if (crashed > 0) {
    progress.message(fmt::format("{} trial{} ended with {} process: noted as crashed", crashed,
                                 crashed == 1 ? "" : "s", crashed == 1 ? "its" : "their"));
  }
  return store.load_progress(run_id);
}

RunPlan plan_of(const RunRecord& run) {
  if (run.plan_json.empty()) {
    throw InvalidArgument(fmt::format(
        "run {} cannot be gone on with: it was made before runs kept their plan (dsabench {})",
        run.run_id, run.tool_version));
  }
  try {
    return parse_plan_json(run.plan_json);
  } catch (Error& error) {
    error.add_context(fmt::format("run {} cannot be gone on with", run.run_id));
    throw;
  }
}

std::string plan_difference(const RunProgress& progress, const RunPlan& plan) {
  if (content_hash(progress.run.plan_json) != progress.run.plan_id) {
    return "the stored plan is not the one that its id names";
  }
  const std::vector<PlannedCell> planned = to_records(plan.sweep);
  const bool same_cells = std::equal(
      planned.begin(), planned.end(), progress.plan.begin(), progress.plan.end(),
      [](const PlannedCell& a, const PlannedCell& b) { return a.cell.cell_id == b.cell.cell_id; });
  if (!same_cells) return "its cells are not those that the run stored";
  return difference_here(plan);
}

/// The code of a run that has nothing left to do.
ExitCode exit_code_of(const RunProgress& run) {
  RunSummary summary{.run_id = run.run.run_id, .status = "done"};
  for (const RunProgress::Pair& pair : run.tried) {
    count(summary, pair.ok ? TrialOutcome::ok : pair.last_outcome);
  }
  return exit_code_of(summary);
}

Continuation continuation_here(const Invocation& invocation) {
  Continuation here;
  here.command_line = invocation.command_line;
  const Identity machine = machine_identity(), build = build_identity();
  here.machine_id = machine.id;
  here.machine_json = machine.json;
  here.build_id = build.id;
  here.build_json = build.json;
  return here;
}

}  // namespace

ExitCode run_resume(const ResumeOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  check_time_limit(options.control);
  const std::unique_ptr<Progress> progress = make_progress(
      parse_progress_mode(options.control.progress), invocation.err, TerminalTraits::of_stderr());
  ResultStore store = open_to_go_on(options.control.db, invocation);
  const std::string run_id = resolve_run(store, options.run);
  const RunProgress before = settle(store, run_id, *progress);
  RunPlan plan = plan_of(before.run);
  const std::vector<TrialTask> tasks =
      unfinished_trials(plan.sweep, plan.repeats, before.tried, options.retry_failed);
  if (tasks.empty()) {
    if (before.run.status != "done") store.finish_run(run_id, "done", unix_milliseconds());
    progress->message(fmt::format("run {} has nothing left to do", run_id));
    output.write(result_tables(store.load_run(run_id)));
    return exit_code_of(before);
  }
  if (!options.model.empty()) plan.model.model = options.model;
  const LoadedModel model = load_and_tell(plan.model, *progress);
  const Continuation here = continuation_here(invocation);
  check_resumable(before.run,
                  {{here.machine_id, here.machine_json},
                   {here.build_id, here.build_json},
                   model.model_id,
                   model.model_json,
                   plan_difference(before, plan)},
                  options.new_machine);
  return run_session(
      {plan, model, store, *progress, output, invocation, options.control, run_id},
      [&](Runner& runner) { return runner.resume(before, plan.sweep, tasks, here); });
}

}  // namespace dsabench
