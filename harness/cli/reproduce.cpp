#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/cli/reproduce_overlap.h"
#include "harness/cli/reproduce_quality.h"
#include "harness/cli/results_database.h"
#include "harness/cli/sweep.h"
#include "harness/plan/reproduction.h"
#include "harness/plan/value_lists.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

constexpr const char* kTable4 = "table4";

void check_name(const std::string& table) {
  if (table == kTable1 || table == kProfile || table == kTable4 || table == kOverlap ||
      is_quality_table(table)) {
    return;
  }
  throw InvalidArgument(
      fmt::format("reproduce: '{}' cannot be reproduced by this build; there are: "
                  "{}, {}, {}, {}, {}, {}, {} (as published)",
                  table, kTable1, kProfile, kTable2, kTable3, kTable5, kOverlap, kTable4));
}

void refuse(const std::string& what, const std::vector<std::string>& options, const char* why) {
  if (options.empty()) return;
  throw InvalidArgument(fmt::format("reproduce {}: {} {} no effect, {}", what,
                                    fmt::join(options, ", "), options.size() == 1 ? "has" : "have",
                                    why));
}

void refuse_of_another_table(const ReproduceOptions& options) {
  const std::set<std::string> of_search = {"--calibration-samples"};
  const std::set<std::string> of_trained = {"--trained", "--control"};
  const bool trained = options.table == kTable3;
  std::vector<std::string> idle;
  for (const std::string& option : options.given) {
    if ((trained ? of_search : of_trained).contains(option)) idle.push_back(option);
  }
  refuse(options.table, idle, trained ? "nothing is searched" : "models are named so for table3");
}

/// Of overlap: it has no cells, so nothing of how cells are chosen and sampled.
void check_given_of_overlap(const ReproduceOptions& options) {
  const std::set<std::string> of_overlap = {"--model",
                                            "--config",
                                            "--set",
                                            "--picks",
                                            "--dtype",
                                            "--device",
                                            "--seed",
                                            "--suite",
                                            "--context",
                                            "--tasks",
                                            "--samples-per-task",
                                            "--chunk",
                                            "--progress",
                                            "--indexer-mode"};
  std::vector<std::string> idle;
  for (const std::string& option : options.given) {
    if (!of_overlap.contains(option)) idle.push_back(option);
  }
  refuse(options.table, idle, "layers are looked at in one pass over the questions");
}

/// Options that nothing is done with are a misunderstanding.
void check_given(const ReproduceOptions& options) {
  const bool measures = options.run.empty() && options.table != kTable4;
  if (options.table == kTable4 && !options.run.empty()) {
    throw InvalidArgument("reproduce table4: --run has no effect, it is printed as published");
  }
  if (!measures) {
    refuse(options.table + (options.run.empty() ? "" : " --run"), options.given,
           "for nothing is measured");
    return;
  }
  if (options.table == kOverlap) return check_given_of_overlap(options);
  const std::set<std::string> of_speed = {"--decode-tokens", "--layers"};
  const std::set<std::string> of_quality = {"--suite", "--tasks", "--samples-per-task",
                                            "--calibration-samples"};
  const bool quality = is_quality_table(options.table);
  std::vector<std::string> idle;
  for (const std::string& option : options.given) {
    if ((quality ? of_speed : of_quality).contains(option)) idle.push_back(option);
  }
  refuse(options.table, idle, quality ? "it is a table of answers" : "it is a table of times");
  refuse_of_another_table(options);
}

/// What serving engines do where there is a GPU; on the CPU, which has no e4m3, what is quick.
SweepText speed_text(const ReproduceOptions& options, const ModelRequest& request) {
  const bool on_cpu = request.device.is_cpu();
  SweepText sweep;
  sweep.contexts = {{or_default(options.contexts, "10k,60k,120k,200k"), "--context"}};
  sweep.retentions = {{or_default(options.retentions, "1,1/2,1/4,1/8"), "--retention"}};
  sweep.indexer_modes = {
      {or_default(options.indexer_mode, on_cpu ? "exact" : "fp8"), "--indexer-mode"}};
  if (!options.cache_format.empty()) {
    sweep.cache_formats = {{options.cache_format, "--cache-format"}};
  }
  sweep.chunk.text = or_default(options.chunk, on_cpu ? "1024" : "8192");
  sweep.decode_tokens.text = options.decode_tokens;
  return sweep;
}

ExitCode reproduce_speed(const ReproduceOptions& options, const ResultOutput& output,
                         const Invocation& invocation) {
  ModelOptions chosen = options.model;
  if (chosen.device.empty()) chosen.device = best_device();
  RunPlan plan = begin_reproduction(options, to_request(chosen));
  const ModelConfig config = resolve_model_config(plan.model);
  plan.sweep = make_sweep_plan(
      config,
      reproduction_axes(options.table, speed_text(options, plan.model), config, plan.model));
  plan.model = with_absolute_paths(plan.model);
  return run_sweep(plan, options.control, output, invocation);
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
    if (options.table == kOverlap) {
      output.write(stored_overlap_tables(store, options.run));
      return ExitCode::pass;
    }
    std::vector<RunResults> runs;
    for (const std::string& name : parse_list("--run", options.run)) {
      runs.push_back(store.load_run(resolve_run(store, name)));
    }
    output.write({reproduction_table(options.table, runs)});
    return ExitCode::pass;
  }
  if (options.table == kOverlap) return reproduce_overlap(options, output, invocation);
  if (options.table == kTable3) return reproduce_trained(options, output, invocation);
  return is_quality_table(options.table) ? reproduce_quality(options, output, invocation)
                                         : reproduce_speed(options, output, invocation);
}

}  // namespace dsabench
