#include <fmt/format.h>

#include "harness/cli/sweep.h"
#include "harness/plan/plan_file.h"
#include "harness/plan/sweep_text.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// Empty text: nothing asked.
std::vector<AskedText> asked(const char* option, const std::string& text) {
  if (text.empty()) return {};
  return {{text, option}};
}

SweepText to_sweep_text(const RunVerbOptions& options) {
  SweepText sweep;
  sweep.suites = {{options.suites, "--suite"}};
  sweep.tasks = asked("--tasks", options.tasks);
  sweep.contexts = {{options.contexts, "--context"}};
  sweep.retentions = asked("--retention", options.retentions);
  sweep.patterns = asked("--pattern", options.patterns);
  sweep.phases = {{options.phases, "--phase"}};
  sweep.batches = {{options.batches, "--batch"}};
  sweep.indexer_modes = {{options.indexer_modes, "--indexer-mode"}};
  sweep.cache_formats = asked("--cache-format", options.cache_formats);
  sweep.chunk.text = options.chunk;
  sweep.decode_tokens.text = options.decode_tokens;
  sweep.samples_per_task.text = options.samples_per_task;
  if (!options.model.dialect.empty()) sweep.dialect = {options.model.dialect, "--dialect"};
  sweep.dense_attention = options.dense_attention;
  return sweep;
}

RunPlan plan_of_options(const RunVerbOptions& options) {
  if (options.model.model.empty()) throw InvalidArgument("run: --model or --plan is required");
  RunPlan plan;
  plan.repeats = options.control.repeats;
  plan.limits = options.control.limits;
  validate(plan);
  const ModelRequest request = to_request(options.model);
  const ModelConfig config = resolve_model_config(request);
  plan.sweep = make_sweep_plan(config, resolve_axes(to_sweep_text(options), config, request));
  plan.model = with_absolute_paths(request);
  return plan;
}

RunPlan plan_of_file(const RunVerbOptions& options) {
  if (!options.given.empty()) {
    throw InvalidArgument(
        fmt::format("run: {} and --plan exclude each other: what is measured stands in {}",
                    fmt::join(options.given, ", "), options.plan));
  }
  RunPlan plan = load_plan_file(options.plan);
  plan.model = with_absolute_paths(plan.model);
  return plan;
}

}  // namespace

ExitCode run_run(const RunVerbOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  const RunPlan plan = options.plan.empty() ? plan_of_options(options) : plan_of_file(options);
  return run_sweep(plan, options.control, output, invocation);
}

}  // namespace dsabench
