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
  if (store.load_search(run_id)) {
    throw InvalidArgument(
        fmt::format("run {} is a search: there is nothing to go on with", run_id));
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
  count(summary, run.tried);
  return exit_code_of(summary);
}

/// What the run is to be gone on with on instead of what it was planned for.
void choose_device(ModelRequest& request, const std::string& text) {
  if (text.empty()) return;
  const DeviceChoice choice = DeviceChoice::parse(text);
  if (choice.device.kind != request.device.kind) {
    throw InvalidArgument(
        fmt::format("--device {}: the run was planned for {}, which its cells say", text,
                    request.device_choice().name()));
  }
  request.choose(choice);
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

void check_resumable(const ResumedSweep& sweep, const ModelIdentity& model) {
  check_resumable(sweep.before.run,
                  {{sweep.here.machine_id, sweep.here.machine_json},
                   {sweep.here.build_id, sweep.here.build_json},
                   model.id,
                   model.json,
                   plan_difference(sweep.before, sweep.plan)},
                  sweep.new_machine);
}

ExitCode run_resume(const ResumeOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  check_time_limit(options.control);
  const std::unique_ptr<Progress> progress = make_progress(
      parse_progress_mode(options.control.progress), invocation.err, TerminalTraits::of_stderr());
  ResultStore store = open_to_go_on(options.control.db, invocation);
  const std::string run_id = resolve_run(store, options.run);
  ResumedSweep sweep;
  sweep.before = settle(store, run_id, *progress);
  sweep.plan = plan_of(sweep.before.run);
  sweep.tasks = unfinished_trials(sweep.plan.sweep, sweep.plan.repeats, sweep.before.tried,
                                  options.retry_failed);
  if (sweep.tasks.empty()) {
    if (sweep.before.run.status != "done") store.finish_run(run_id, "done", unix_milliseconds());
    progress->message(fmt::format("run {} has nothing left to do", run_id));
    output.write(result_tables(store.load_run(run_id)));
    return exit_code_of(sweep.before);
  }
  choose_device(sweep.plan.model, options.device);
  if (!options.model.empty()) sweep.plan.model.model = options.model;
  sweep.here = continuation_here(invocation);
  sweep.new_machine = options.new_machine;
  const SweepSession session{sweep.plan, store,           *progress, output,
                             invocation, options.control, run_id};
  const std::vector<Device> devices = invocation.seams.devices_of(sweep.plan.model.device_choice());
  if (devices.size() > 1) return resume_spread_sweep(session, sweep, devices);
  const LoadedModel model = load_and_tell(sweep.plan.model, *progress);
  check_resumable(sweep, model.identity);
  return run_session_here(session, model, [&](Runner& runner) {
    return runner.resume(sweep.before, sweep.plan.sweep, sweep.tasks, sweep.here);
  });
}

}  // namespace dsabench
