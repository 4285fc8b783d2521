#include <fmt/format.h>

#include <ostream>

#include "harness/cli/sweep.h"
#include "harness/plan/sweep_text.h"
#include "harness/plan/value_lists.h"

namespace dsabench {
DemoOptions::DemoOptions() {
  model.model = "demo";
  model.device.clear();
  // Enough for a table that shows the effect; a measurement to rely on is `run`.
  control.limits.min_samples = 3;
  control.limits.max_samples = 5;
  control.limits.max_seconds = 3.0;
  control.limits.max_warmups = 2;
}

ExitCode run_demo(const DemoOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  ModelOptions chosen = options.model;
  if (chosen.device.empty()) chosen.device = best_device();
  const ModelRequest request = to_request(chosen);
  const ModelConfig config = resolve_model_config(request);

  SweepAxes speed = axes_for(request);
  speed.suites = {&find_suite("speed")};
  speed.contexts = parse_counts("--context", options.contexts);
  speed.patterns =
      choose_patterns(config, {}, parse_retentions(options.retentions), to_dialect(options.model));

  SweepAxes quality = speed;
  quality.suites = {&find_suite("ruler-synth")};
  quality.contexts = parse_counts("--quality-context", options.quality_context);
  // The two ends show what the table looks like; the weights cannot answer anyway.
  quality.patterns = {speed.patterns.front(), speed.patterns.back()};
  const std::vector<SweepAxes> sweeps = {speed, quality};
  const RunPlan plan{with_absolute_paths(request), make_sweep_plan(config, sweeps),
                     options.control.repeats, options.control.limits};

  if (parse_progress_mode(options.control.progress) != ProgressMode::off) {
    invocation.err << fmt::format(
        "No trained model ships with dsabench yet: {} has generated weights ({} layers, {:.0f} M "
        "parameters). Its times are real, its accuracy is chance.\n",
        config.name, config.num_layers, double(config.num_parameters()) / 1e6);
  }
  return run_sweep(plan, options.control, output, invocation);
}

}  // namespace dsabench
