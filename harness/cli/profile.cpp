#include <fmt/format.h>

#include "harness/cli/results_database.h"
#include "harness/cli/sweep.h"
#include "harness/plan/sweep_text.h"
#include "harness/profile/chrome_trace.h"
#include "harness/profile/profile_tables.h"
#include "harness/profile/throttle.h"
#include "harness/run/measured_patterns.h"
#include "harness/run/profile_cell.h"
#include "harness/run/sample_sets.h"
#include "harness/run/wall_clock.h"
#include "kernels/base/error.h"
#include "kernels/cuda/device_queue.h"

namespace dsabench {
namespace {

SweepText to_sweep_text(const ProfileVerbOptions& options) {
  SweepText sweep;
  sweep.contexts = {{options.context, "--context"}};
  if (!options.retention.empty()) sweep.retentions = {{options.retention, "--retention"}};
  if (!options.pattern.empty()) sweep.patterns = {{options.pattern, "--pattern"}};
  sweep.phases = {{options.phase, "--phase"}};
  sweep.batches = {{options.batch, "--batch"}};
  sweep.indexer_modes = {{options.indexer_mode, "--indexer-mode"}};
  if (!options.cache_format.empty()) {
    sweep.cache_formats = {{options.cache_format, "--cache-format"}};
  }
  sweep.chunk.text = options.chunk;
  sweep.decode_tokens.text = options.decode_tokens;
  if (!options.model.dialect.empty()) sweep.dialect = {options.model.dialect, "--dialect"};
  return sweep;
}

RunPlan plan_of(const ProfileVerbOptions& options) {
  if (options.model.model.empty()) throw InvalidArgument("profile: --model is required");
  if (options.retention.empty() == options.pattern.empty()) {
    throw InvalidArgument("profile: give --retention or --pattern, one of them");
  }
  RunPlan plan;
  plan.limits = options.limits;
  validate(plan);
  const ModelRequest request = to_request_of_one_device(options.model, "profile");
  const ModelConfig config = resolve_model_config(request);
  plan.sweep = make_sweep_plan(config, resolve_axes(to_sweep_text(options), config, request));
  plan.model = with_absolute_paths(request);
  if (plan.sweep.entries.size() != 1) {
    throw InvalidArgument(
        fmt::format("profile: looks at one cell, these options name {}: give one value of each",
                    plan.sweep.entries.size()));
  }
  return plan;
}

std::shared_ptr<ActivityTracer> tracer_for(const ProfileVerbOptions& options, Device device,
                                           const CliSeams& seams) {
  return options.no_cupti ? nullptr : seams.open_tracer(device);
}

}  // namespace

ExitCode run_profile(const ProfileVerbOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  const RunPlan plan = plan_of(options);
  check_samples(plan.sweep, plan.model);
  std::optional<StagedFile> trace;
  if (!options.trace.empty()) trace.emplace(options.trace, "--trace");
  const std::unique_ptr<Progress> progress = make_progress(
      parse_progress_mode(options.progress), invocation.err, TerminalTraits::of_stderr());
  const CliSeams& seams = invocation.seams;
  const Device device = plan.model.device;
  cuda::device_queue(device);  // what is missing is said before anything takes time
  const std::shared_ptr<ActivityTracer> tracer = tracer_for(options, device, seams);
  ResultStore store = open_for_writing(options.db, invocation);
  const MonitorChoice watch = seams.open_monitor(device);
  if (!watch.unavailable.empty()) {
    progress->message("clocks are not watched: " + watch.unavailable);
  }
  const LoadedModel model = load_and_tell(plan.model, *progress);
  const SampleSets samples(plan.sweep, model);
  const PlanEntry& entry = plan.sweep.entries.front();
  RunRecord run = describe_run(model.identity, plan, invocation.command_line);
  run.started_ms = unix_milliseconds();
  if (!options.no_ceilings) run.ceilings = seams.measure_ceilings(device);

  ProfiledCell profiled = profile_cell({model, entry, samples.of(entry), plan.limits,
                                        seams.engine_factory, watch, tracer.get(), *progress});
  profiled.ceilings = run.ceilings;
  profiled.measured = measured_patterns(store, profiled.cell, run);
  run.finished_ms = unix_milliseconds();
  run.status = kProfileStatus;
  store.add_profile(run, profiled.planned, to_record(profiled, run.run_id));
  progress->message(fmt::format("{}: profile {}", options.db, run.run_id));
  if (trace) {
    trace->write([&](std::ostream& stream) { write_chrome_trace(stream, profiled); });
    progress->message(fmt::format("timeline: {} (open it at ui.perfetto.dev)", options.trace));
  }
  output.write(profile_tables(profiled));
  const std::string throttled = throttle_reason(profiled.timed.device_samples);
  if (throttled.empty()) return ExitCode::pass;
  progress->message(throttled);
  return ExitCode::untrusted;
}

}  // namespace dsabench
