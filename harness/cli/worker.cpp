#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>

#include <iostream>

#include "harness/cli/results_database.h"
#include "harness/cli/sweep.h"
#include "harness/run/environment.h"
#include "harness/run/worker_messages.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// Whoever gives the orders decides when to stop, and takes this process along when it ends.
void leave_signals_to_parent() {
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGTERM, SIG_IGN);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

std::optional<std::string> next_order() {
  std::string line;
  if (!std::getline(std::cin, line)) return std::nullopt;
  return line;
}

std::string first_order() {
  std::optional<std::string> line = next_order();
  if (!line) {
    throw InvalidArgument(
        "worker: its orders come from the process that spreads a run; there are none");
  }
  return *std::move(line);
}

}  // namespace

ExitCode run_worker(const WorkerVerbOptions& options, const Invocation& invocation) {
  leave_signals_to_parent();
  const WorkerPlan order = parse_worker_plan(first_order());
  const std::unique_ptr<Progress> progress = make_progress(
      parse_progress_mode(options.progress), invocation.err, TerminalTraits::of_stderr());
  RunPlan plan = parse_plan_json(order.plan_json);
  plan.model.choose({Device::parse(options.device), false});
  ResultStore store = open_to_go_on(options.db, invocation);
  const LoadedModel model =
      order.is_first ? load_and_tell(plan.model, *progress) : load_model(plan.model);
  RunOptions run_options = run_options_for(plan, order.ceilings, invocation);
  run_options.conditions = {{"spread_over", order.num_workers}};
  if (order.is_first && !run_options.watch.unavailable.empty()) {
    progress->message("clocks are not watched: " + run_options.watch.unavailable);
  }
  Runner runner(model, store, *progress, run_options);
  runner.check_fits(plan.sweep);

  const auto answer = [&invocation](const std::string& line) {
    invocation.out << line << std::endl;
  };
  answer(to_line(model.identity));
  const std::optional<std::string> told = next_order();
  if (!told) return ExitCode::pass;  // no run came of it
  const WorkerRun run = parse_worker_run(*told);
  runner.work(
      run.run_id, run.own, plan.sweep,
      [&]() -> std::optional<AssignedTrial> {
        const std::optional<std::string> line = next_order();
        if (!line) return std::nullopt;
        const WorkerTrial trial = parse_worker_trial(*line);
        return AssignedTrial{trial.task, {trial.index, trial.total, trial.task.repeat, 0.0}};
      },
      [&](const EndedTrial& ended) { answer(to_line(ended)); });
  return ExitCode::pass;
}

}  // namespace dsabench
