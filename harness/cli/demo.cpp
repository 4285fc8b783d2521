#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "harness/cli/results_database.h"
#include "harness/cli/sweep.h"
#include "harness/plan/reproduction.h"
#include "harness/plan/sweep_text.h"
#include "harness/plan/value_lists.h"
#include "harness/target/builtin_checkpoints.h"

namespace dsabench {
namespace {

constexpr const char* kQualityModel = "builtin";
constexpr const char* kQualitySuite = "facts-compact";

RunPlan speed_plan(const DemoOptions& options, const ModelRequest& request) {
  const ModelConfig config = resolve_model_config(request);
  SweepAxes axes = axes_for(request);
  axes.suites = {&find_suite("speed")};
  axes.contexts = parse_counts("--context", options.contexts);
  axes.patterns =
      choose_patterns(config, {}, parse_retentions(options.retentions), to_dialect(options.model));
  return {with_absolute_paths(request), make_sweep_plan(config, {axes}), options.control.repeats,
          options.control.limits};
}

/// What the built-in model answers with the uniform patterns, and with those that a search found
/// for the same retentions: the paper's table 2, but for the search.
RunPlan quality_plan(const DemoOptions& options, const ModelRequest& speed) {
  ModelRequest request;
  request.model = kQualityModel;
  request.choose(speed.device_choice());
  request.dtype = speed.dtype;
  const ModelConfig config = resolve_model_config(request);
  SweepAxes axes = axes_for(request);
  axes.suites = {&find_suite(kQualitySuite)};
  axes.tasks = builtin_tasks();
  axes.contexts = {config.max_positions};
  axes.samples_per_task = parse_count("--samples-per-task", options.samples_per_task);
  axes.data_seed = options.model.seed;
  const auto retentions = parse_retentions(options.retentions);
  axes.patterns = choose_patterns(config, {}, retentions, to_dialect(options.model));
  for (const auto& searched : builtin_patterns()) {
    if (std::find(retentions.begin(), retentions.end(), searched.first) == retentions.end())
      continue;
    axes.patterns.push_back({searched.second, kSearchedOrigin, searched.first.to_string(), ""});
  }
  RunPlan plan{request, make_sweep_plan(config, {axes}), options.control.repeats,
               options.control.limits};
  plan.reproduction = kTable2;
  return plan;
}

}  // namespace

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
  const RunPlan plans[] = {speed_plan(options, request), quality_plan(options, request)};
  if (options.control.dry_run) {
    output.write(plan_tables(plans, options.control.db, invocation));
    return ExitCode::pass;
  }
  if (parse_progress_mode(options.control.progress) != ProgressMode::off) {
    const ModelConfig speed = resolve_model_config(request);
    invocation.err << fmt::format(
        "Times are of {}, whose {:.0f} M weights are generated; answers are of the built-in model, "
        "which is trained, but small.\n",
        speed.name, double(speed.num_parameters()) / 1e6);
  }
  std::vector<Table> tables;
  RunControlOptions control = options.control;
  for (const RunPlan& plan : plans) {
    const auto [code, results] = run_sweep_for_results(plan, control, invocation);
    if (plan.reproduction.empty()) {
      tables = result_tables(results);
    } else {
      tables.push_back(reproduction_table(plan.reproduction, results));
    }
    if (code != ExitCode::pass) {
      output.write(tables);
      return code;
    }
    control.no_ceilings = true;  // of answers nothing is timed
  }
  output.write(tables);
  return ExitCode::pass;
}

}  // namespace dsabench
