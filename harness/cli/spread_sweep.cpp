#include <fmt/format.h>
#include <unistd.h>

#include <atomic>

#include "harness/cli/sweep.h"
#include "harness/run/aborted_run.h"
#include "harness/run/spread_run.h"
#include "harness/run/wall_clock.h"

namespace dsabench {
namespace {

SpreadRun start_workers(const SweepSession& session, const std::vector<Device>& devices) {
  std::vector<std::string> names;
  for (const Device device : devices) names.push_back(device.name());
  session.progress.message(
      fmt::format("loading {} on {}", session.plan.model.model, fmt::join(names, ", ")));
  return {session.plan,
          {.devices = devices,
           .program = session.invocation.seams.program,
           .database = session.store.path(),
           .ceilings = !session.control.no_ceilings},
          session.progress};
}

/// The run is begun: from here to its end.
ExitCode run_workers(const SweepSession& session, SpreadRun& workers, const RunMakers& own,
                     const std::vector<TrialTask>& tasks) {
  std::atomic<bool> aborted{false};
  const auto abort = [&] {
    aborted = true;
    workers.kill();
    record_abort(session.store.path(), session.run_id, workers.process_ids());
  };
  return run_session(session, abort, [&](const SessionLimits& limits) {
    session.progress.run_started(session.run_id, std::ssize(tasks), 0);
    RunSummary summary =
        workers.run({session.run_id, own}, tasks, limits.interrupted, limits.time_limit);
    // The abort writes how the run ends, and then ends the process.
    while (aborted) ::pause();
    const std::int64_t now = unix_milliseconds();
    session.store.record_crashes(session.run_id, now);
    session.store.finish_run(session.run_id, summary.status, now);
    count(summary, session.store.load_progress(session.run_id).tried);
    session.progress.run_finished(summary.status);
    return summary;
  });
}

}  // namespace

ExitCode run_spread_sweep(const SweepSession& session, const std::vector<Device>& devices) {
  SpreadRun workers = start_workers(session, devices);
  RunRecord run =
      describe_run(workers.wait_until_loaded(), session.plan, session.invocation.command_line);
  run.run_id = session.run_id;
  run.started_ms = unix_milliseconds();
  run.status = "running";
  session.store.add_run(run, to_records(session.plan.sweep));
  return run_workers(session, workers, {}, all_trials(session.plan.sweep, session.plan.repeats));
}

ExitCode resume_spread_sweep(const SweepSession& session, const ResumedSweep& sweep,
                             const std::vector<Device>& devices) {
  SpreadRun workers = start_workers(session, devices);
  check_resumable(sweep, workers.wait_until_loaded());
  Continuation begun = sweep.here;
  begun.started_ms = unix_milliseconds();
  session.store.reopen_run(session.run_id, begun);
  return run_workers(session, workers, makers_beside(sweep.before.run, begun), sweep.tasks);
}

}  // namespace dsabench
