#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/cli/results_database.h"
#include "harness/cli/stored_search.h"
#include "harness/cli/sweep.h"
#include "harness/plan/reproduction.h"
#include "harness/plan/value_lists.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

constexpr const char* kTable4 = "table4";
constexpr std::uint64_t kCalibrationSeed = 1;

void check_name(const std::string& table) {
  if (table == kTable1 || table == kProfile || table == kTable4 || is_quality_table(table)) return;
  throw InvalidArgument(
      fmt::format("reproduce: '{}' cannot be reproduced by this build; there are: "
                  "{}, {}, {}, {}, {} (as published)",
                  table, kTable1, kProfile, kTable2, kTable5, kTable4));
}

void refuse(const std::string& what, const std::vector<std::string>& options, const char* why) {
  if (options.empty()) return;
  throw InvalidArgument(fmt::format("reproduce {}: {} {} no effect, {}", what,
                                    fmt::join(options, ", "), options.size() == 1 ? "has" : "have",
                                    why));
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
  const std::set<std::string> of_speed = {"--decode-tokens", "--layers"};
  const std::set<std::string> of_quality = {"--suite", "--tasks", "--samples-per-task",
                                            "--calibration-samples"};
  const bool quality = is_quality_table(options.table);
  std::vector<std::string> idle;
  for (const std::string& option : options.given) {
    if ((quality ? of_speed : of_quality).contains(option)) idle.push_back(option);
  }
  refuse(options.table, idle, quality ? "it is a table of answers" : "it is a table of times");
}

std::string or_default(const std::string& text, const char* otherwise) {
  return text.empty() ? otherwise : text;
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

SweepText quality_text(const ReproduceOptions& options) {
  SweepText sweep;
  sweep.suites = {{options.suite, "--suite"}};
  if (!options.tasks.empty()) sweep.tasks = {{options.tasks, "--tasks"}};
  sweep.contexts = {{or_default(options.contexts, "512"), "--context"}};
  sweep.retentions = {
      {or_default(options.retentions, options.table == kTable5 ? "1,1/2" : "1,1/2,1/4,1/8"),
       "--retention"}};
  sweep.indexer_modes = {{or_default(options.indexer_mode, "exact"), "--indexer-mode"}};
  if (!options.cache_format.empty()) {
    sweep.cache_formats = {{options.cache_format, "--cache-format"}};
  }
  sweep.chunk.text = or_default(options.chunk, "1024");
  sweep.samples_per_task = {options.samples_per_task, "--samples-per-task"};
  return sweep;
}

RunPlan begin_plan(const ReproduceOptions& options) {
  RunPlan plan;
  plan.reproduction = options.table;
  plan.repeats = options.control.repeats;
  plan.limits = options.control.limits;
  validate(plan);
  const bool quality = is_quality_table(options.table);
  const auto& given = options.given;
  if (quality && std::find(given.begin(), given.end(), "--model") == given.end()) {
    throw InvalidArgument(fmt::format(
        "reproduce {}: give --model, a trained checkpoint: answers of generated weights are chance",
        options.table));
  }
  ModelOptions chosen = options.model;
  if (chosen.device.empty()) chosen.device = best_device();
  plan.model = quality ? to_request_of_one_device(chosen, "reproduce") : to_request(chosen);
  return plan;
}

/// What patterns are searched on: questions of the table's suite at its first context.
SearchPlan search_plan(const ReproduceOptions& options, const RunPlan& plan,
                       const SweepAxes& axes) {
  SearchPlan search;
  search.model = plan.model;
  search.questions.suite = options.suite;
  search.questions.tasks = axes.tasks;
  search.questions.context_tokens = axes.contexts.front();
  search.questions.samples_per_task =
      parse_count("--calibration-samples", options.calibration_samples);
  search.questions.seed = kCalibrationSeed;
  search.indexer_mode = axes.indexer_modes.front();
  search.methods = parse_search_methods(options.table == kTable5 ? "similarity" : "greedy");
  const ModelConfig config = resolve_model_config(plan.model);
  std::vector<Retention> below_one;
  for (const PatternChoice& choice : axes.patterns) {
    const auto full = LayerPattern::all_full(config.num_layers);
    if (choice.pattern == full) continue;
    below_one.push_back(Retention::parse(choice.nominal_retention));
  }
  search.targets = search_targets(config.num_layers, below_one, search.methods);
  check_search(search, config);
  return search;
}

/// The patterns of a search, as the plan's.
std::vector<PatternChoice> found_patterns(const StoredSearch& search, const std::string& table) {
  std::vector<PatternChoice> found;
  for (const SearchedPattern& pattern : search.outcome.record.patterns) {
    if (pattern.calibration != 0 || pattern.method == kAllFullMethod) continue;
    found.push_back({LayerPattern::from_letters(pattern.pattern),
                     table == kTable5 ? kSimilarityOrigin : kSearchedOrigin, pattern.retention,
                     ""});
  }
  return found;
}

ExitCode reproduce_speed(const ReproduceOptions& options, const ResultOutput& output,
                         const Invocation& invocation) {
  RunPlan plan = begin_plan(options);
  const ModelConfig config = resolve_model_config(plan.model);
  plan.sweep = make_sweep_plan(
      config,
      reproduction_axes(options.table, speed_text(options, plan.model), config, plan.model));
  plan.model = with_absolute_paths(plan.model);
  return run_sweep(plan, options.control, output, invocation);
}

ExitCode reproduce_quality(const ReproduceOptions& options, const ResultOutput& output,
                           const Invocation& invocation) {
  RunPlan plan = begin_plan(options);
  const ModelConfig config = resolve_model_config(plan.model);
  const SweepText asked = quality_text(options);
  const auto sweep_with = [&](const std::vector<PatternChoice>& found) {
    return make_sweep_plan(config, quality_axes(asked, found, config, plan.model));
  };
  const SearchPlan search =
      search_plan(options, plan, quality_axes(asked, {}, config, plan.model).back());
  plan.sweep = sweep_with({});
  plan.model = with_absolute_paths(plan.model);
  if (options.control.dry_run) {
    plan.sweep.notices.push_back("patterns found by search are added to these once they are known");
  } else {
    const std::unique_ptr<Progress> progress = make_progress(
        parse_progress_mode(options.control.progress), invocation.err, TerminalTraits::of_stderr());
    const StoredSearch found = search_and_store(search, options.control.db, *progress, invocation);
    if (found.outcome.record.interrupted) return ExitCode::interrupted;
    plan.sweep = sweep_with(found_patterns(found, options.table));
  }
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
    const RunResults results = store.load_run(resolve_run(store, options.run));
    output.write({reproduction_table(options.table, results)});
    return ExitCode::pass;
  }
  return is_quality_table(options.table) ? reproduce_quality(options, output, invocation)
                                         : reproduce_speed(options, output, invocation);
}

}  // namespace dsabench
