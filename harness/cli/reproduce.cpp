#include <fmt/format.h>

#include "harness/cli/results_database.h"
#include "harness/cli/sweep.h"
#include "harness/plan/reproduction.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

constexpr const char* kTable4 = "table4";

void check_name(const std::string& table) {
  if (table == kTable1 || table == kProfile || table == kTable4) return;
  throw InvalidArgument(
      fmt::format("reproduce: '{}' cannot be reproduced by this build; there are: "
                  "{}, {}, {} (as published)",
                  table, kTable1, kProfile, kTable4));
}

/// Options that nothing is done with are a misunderstanding.
void check_given(const ReproduceOptions& options) {
  const bool measures = options.run.empty() && options.table != kTable4;
  if (options.table == kTable4 && !options.run.empty()) {
    throw InvalidArgument("reproduce table4: --run has no effect, it is printed as published");
  }
  if (measures || options.given.empty()) return;
  throw InvalidArgument(fmt::format("reproduce {}{}: {} {} no effect, for nothing is measured",
                                    options.table, options.run.empty() ? "" : " --run",
                                    fmt::join(options.given, ", "),
                                    options.given.size() == 1 ? "has" : "have"));
}

/// What serving engines do where there is a GPU; on the CPU, which has no e4m3, what is quick.
SweepText to_sweep_text(const ReproduceOptions& options, const ModelRequest& request) {
  const bool on_cpu = request.device.is_cpu();
  const auto or_default = [on_cpu](const std::string& text, const char* cpu, const char* gpu) {
    return !text.empty() ? text : std::string(on_cpu ? cpu : gpu);
  };
  SweepText sweep;
  sweep.contexts = {{options.contexts, "--context"}};
  sweep.retentions = {{options.retentions, "--retention"}};
  sweep.indexer_modes = {{or_default(options.indexer_mode, "exact", "fp8"), "--indexer-mode"}};
  if (!options.cache_format.empty()) {
    sweep.cache_formats = {{options.cache_format, "--cache-format"}};
  }
  sweep.chunk.text = or_default(options.chunk, "1024", "8192");
  sweep.decode_tokens.text = options.decode_tokens;
  return sweep;
}

RunPlan make_plan(const ReproduceOptions& options) {
  ModelOptions chosen = options.model;
  if (chosen.device.empty()) chosen.device = best_device();
  const ModelRequest request = to_request(chosen);
  const ModelConfig config = resolve_model_config(request);
  RunPlan plan;
  plan.reproduction = options.table;
  plan.repeats = options.control.repeats;
  plan.limits = options.control.limits;
  validate(plan);
  plan.sweep = make_sweep_plan(
      config, reproduction_axes(options.table, to_sweep_text(options, request), config, request));
  plan.model = with_absolute_paths(request);
  return plan;
}

}  // namespace

ReproduceOptions::ReproduceOptions() {
  model.model = "glm-4.7-flash-dsa";
  model.device.clear();
}

ExitCode run_reproduce(const ReproduceOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  check_name(options.table);
  check_given(options);
  if (options.table == kTable4) {
    output.write({published_table4()});
    return ExitCode::pass;
  }
  if (!options.run.empty()) {
    const ResultStore store = open_for_reading(options.control.db, invocation);
    const RunResults results = store.load_run(resolve_run(store, options.run));
    output.write({reproduction_table(options.table, results)});
    return ExitCode::pass;
  }
  const RunPlan plan = make_plan(options);
  return run_sweep(plan, options.control, output, invocation);
}

}  // namespace dsabench
