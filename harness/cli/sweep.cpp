#include "harness/cli/sweep.h"

#include <fmt/format.h>
#include <unistd.h>

#include <sstream>

#include "harness/cli/results_database.h"
#include "harness/plan/value_lists.h"
#include "harness/run/aborted_run.h"
#include "harness/run/environment.h"
#include "harness/run/interrupt.h"
#include "harness/run/sample_sets.h"
#include "harness/run/time_limit.h"
#include "kernels/base/error.h"
#include "kernels/cuda/device_queue.h"
#include "results/identity.h"

namespace dsabench {
namespace {

constexpr const char* kTimeLimit = "--time-limit";

/// The one that the command was given; empty where it was given none.
std::optional<TimeLimit> make_time_limit(const SweepSession& session, const ModelConfig& config) {
  const std::string& text = session.control.time_limit;
  if (text.empty()) return std::nullopt;
  const auto elapsed_s = [started = session.invocation.started] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  };
  return TimeLimit(parse_duration(kTimeLimit, text), elapsed_s,
                   CostHistory(session.store, machine_identity().id, build_identity().id, config));
}

std::string discarded_text(const RunSummary& summary) {
  return summary.num_discarded == 0 ? "" : fmt::format(", {} discarded", summary.num_discarded);
}

void tell_about_model(const LoadedModel& model, Progress& progress) {
  for (const std::string& notice : model.config->notices) progress.message(notice);
  for (const std::string& notice : model.weights->notices) progress.message(notice);
  for (const std::string& tensor : model.weights->not_finite) {
    progress.message("weights are not finite: " + tensor);
  }
  for (const std::string& notice : model.notices) progress.message(notice);
  const std::string warning = environment_warning();
  if (!warning.empty()) progress.message(warning);
}

}  // namespace

ModelRequest to_request(const ModelOptions& options) {
  ModelRequest request;
  request.model = options.model;
  request.config_file = options.config;
  request.choose(DeviceChoice::parse(options.device));
  request.dtype = parse_engine_dtype(options.dtype, request.device);
  request.picks = parse_picks(options.picks);
  request.seed = options.seed;
  for (const std::string& text : options.set) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw InvalidArgument(fmt::format("--set: expected key=value, got '{}'", text));
    }
    request.overrides.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  request.layers = choose_layers(request, "--layers", options.layers);
  return request;
}

ModelRequest to_request_of_one_device(const ModelOptions& options, const char* verb) {
  ModelRequest request = to_request(options);
  if (!request.every_gpu) return request;
  throw InvalidArgument(fmt::format("{}: --device {}: it looks at one cell, name one GPU", verb,
                                    request.device_choice().name()));
}

std::string best_device() {
  const Device first{Device::Kind::cuda, 0};
  try {
    cuda::device_queue(first);
    return first.name();
  } catch (const UnsupportedDevice&) {
    return Device().name();
  }
}

std::optional<Dialect> to_dialect(const ModelOptions& options) {
  if (options.dialect.empty()) return std::nullopt;
  return parse_dialect(options.dialect);
}

std::vector<Retention> parse_retentions(const std::string& text) {
  std::vector<Retention> retentions;
  if (text.empty()) return retentions;
  for (const std::string& item : parse_list("--retention", text)) {
    retentions.push_back(Retention::parse(item));
  }
  return retentions;
}

void check_time_limit(const RunControlOptions& control) {
  if (!control.time_limit.empty()) parse_duration(kTimeLimit, control.time_limit);
}

RunRecord describe_run(const ModelIdentity& model, const RunPlan& plan,
                       const std::string& command_line) {
  RunRecord run;
  run.run_id = new_run_id();
  run.plan_json = plan_json(plan);
  run.plan_id = content_hash(run.plan_json);
  run.command_line = command_line;
  run.tool_version = tool_version();
  const Identity machine = machine_identity();
  run.machine_id = machine.id;
  run.machine_json = machine.json;
  const Identity build = build_identity();
  run.build_id = build.id;
  run.build_json = build.json;
  run.model_id = model.id;
  run.model_json = model.json;
  run.synthetic_weights = model.synthetic;
  run.seed = plan.model.seed;
  return run;
}

LoadedModel load_and_tell(const ModelRequest& request, Progress& progress) {
  progress.message(fmt::format("loading {}", request.model));
  LoadedModel model = load_model(request);
  tell_about_model(model, progress);
  return model;
}

ExitCode run_session(const SweepSession& session, const std::function<void()>& abort,
                     const std::function<RunSummary(const SessionLimits&)>& go) {
  const std::string& db = session.store.path();
  const std::string& limit = session.control.time_limit;
  const std::string how_to_go_on =
      fmt::format("to go on: dsabench resume {} --db {}{}", session.run_id, db,
                  limit.empty() ? "" : " --time-limit " + limit);
  const InterruptGuard guard([&] {
    abort();
    // Or a line may be drawn over the guard's last one. Behind the record: a terminal that takes no
    // text keeps this from returning.
    session.progress.silence();
  });
  const ModelConfig config = resolve_model_config(session.plan.model);
  std::optional<TimeLimit> time_limit = make_time_limit(session, config);
  RunSummary summary;
  try {
    summary = go({[&guard] { return guard.interrupted(); }, time_limit ? &*time_limit : nullptr});
  } catch (const StoreError&) {
    session.progress.message("what was committed before stays; " + how_to_go_on);
    throw;
  }
  session.progress.message(fmt::format("{}: run {} ({} ok, {} incorrect, {} failed{})", db,
                                       summary.run_id, summary.num_ok, summary.num_incorrect,
                                       summary.num_failed, discarded_text(summary)));
  if (summary.status != "done") session.progress.message(how_to_go_on);
  session.output.write(result_tables(session.store.load_run(summary.run_id)));
  return exit_code_of(summary);
}

RunOptions run_options_for(const RunPlan& plan, bool ceilings, const Invocation& invocation) {
  const CliSeams& seams = invocation.seams;
  const Device device = plan.model.device;
  RunOptions options;
  options.repeats = plan.repeats;
  options.limits = plan.limits;
  options.engine_factory = seams.engine_factory;
  options.watch = seams.open_monitor(device);
  options.rest = seams.rest;
  if (ceilings)
    options.measure_ceilings = [&seams, device] { return seams.measure_ceilings(device); };
  return options;
}

ExitCode run_session_here(const SweepSession& session, const LoadedModel& model,
                          const std::function<RunSummary(Runner&)>& go) {
  const auto abort = [&] {
    record_abort(session.store.path(), session.run_id, {std::int64_t{::getpid()}});
  };
  return run_session(session, abort, [&](const SessionLimits& limits) {
    RunOptions options =
        run_options_for(session.plan, !session.control.no_ceilings, session.invocation);
    options.interrupted = limits.interrupted;
    options.time_limit = limits.time_limit;
    if (!options.watch.unavailable.empty()) {
      session.progress.message("clocks are not watched: " + options.watch.unavailable);
    }
    Runner runner(model, session.store, session.progress, options);
    return go(runner);
  });
}

ExitCode run_sweep(const RunPlan& plan, const RunControlOptions& control,
                   const ResultOutput& output, const Invocation& invocation) {
  validate(plan);
  check_samples(plan.sweep, plan.model);
  if (control.dry_run) {
    output.write({plan_table(plan, control.db, invocation)});
    return ExitCode::pass;
  }
  check_time_limit(control);
  const std::unique_ptr<Progress> progress = make_progress(
      parse_progress_mode(control.progress), invocation.err, TerminalTraits::of_stderr());
  // What is missing is said before anything is written.
  const std::vector<Device> devices = invocation.seams.devices_of(plan.model.device_choice());
  if (devices.size() == 1) cuda::device_queue(devices.front());
  ResultStore store = open_for_writing(control.db, invocation);
  for (const std::string& notice : plan.sweep.notices) progress->message(notice);
  SweepSession session{plan, store, *progress, output, invocation, control, new_run_id()};
  if (devices.size() > 1) return run_spread_sweep(session, devices);
  const LoadedModel model = load_and_tell(plan.model, *progress);
  RunRecord run = describe_run(model.identity, plan, invocation.command_line);
  run.run_id = session.run_id;
  return run_session_here(session, model,
                          [&](Runner& runner) { return runner.run(run, plan.sweep); });
}

std::pair<ExitCode, RunResults> run_sweep_for_results(const RunPlan& plan,
                                                      const RunControlOptions& control,
                                                      const Invocation& invocation) {
  std::ostringstream unread;
  const ExitCode code = run_sweep(plan, control, ResultOutput({}, unread), invocation);
  const ResultStore store = open_for_reading(control.db, invocation);
  return {code, store.load_run(resolve_run(store, "last"))};
}

}  // namespace dsabench
