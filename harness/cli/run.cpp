#include "harness/cli/sweep.h"
#include "harness/plan/value_lists.h"

namespace dsabench {
namespace {

SweepAxes parse_axes(const RunVerbOptions& options, const ModelConfig& config,
                     const ModelRequest& request) {
  SweepAxes axes = axes_for(config, request);
  for (const std::string& name : parse_list("--suite", options.suites)) {
    axes.suites.push_back(&find_suite(name));
  }
  if (!options.tasks.empty()) axes.tasks = parse_list("--tasks", options.tasks);
  axes.contexts = parse_counts("--context", options.contexts);
  std::vector<std::string> patterns;
  if (!options.patterns.empty()) patterns = parse_list("--pattern", options.patterns);
  axes.patterns = choose_patterns(config, patterns, parse_retentions(options.retentions),
                                  to_dialect(options.model));
  axes.phases.clear();
  for (const std::string& name : parse_list("--phase", options.phases)) {
    axes.phases.push_back(parse_phase(name));
  }
  axes.batches = parse_counts("--batch", options.batches);
  axes.indexer_modes.clear();
  for (const std::string& name : parse_list("--indexer-mode", options.indexer_modes)) {
    axes.indexer_modes.push_back(parse_indexer_mode(name));
  }
  axes.dense_attention = options.dense_attention;
  axes.chunk_tokens = parse_count("--chunk", options.chunk);
  axes.decode_tokens = parse_count("--decode-tokens", options.decode_tokens);
  axes.samples_per_task = parse_count("--samples-per-task", options.samples_per_task);
  return axes;
}

}  // namespace

ExitCode run_run(const RunVerbOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  const ModelRequest request = to_request(options.model);
  const ModelConfig config = resolve_model_config(request);
  const SweepPlan plan = make_sweep_plan(config, parse_axes(options, config, request));
  if (options.dry_run) {
    output.write({plan_table(config, plan)});
    return ExitCode::pass;
  }
  return run_sweep(request, plan, options.control, output, invocation);
}

}  // namespace dsabench
