#include "harness/cli/reproduce_quality.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/cli/results_database.h"
#include "harness/cli/stored_search.h"
#include "harness/cli/sweep.h"
#include "harness/plan/reproduction.h"
#include "harness/plan/value_lists.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

constexpr std::uint64_t kCalibrationSeed = 1;

const char* default_retentions(const std::string& table) {
  if (table == kTable5) return "1,1/2";
  return table == kTable3 ? "1,1/2,1/4" : "1,1/2,1/4,1/8";
}

SweepText quality_text(const ReproduceOptions& options) {
  SweepText sweep;
  sweep.suites = {{options.suite, "--suite"}};
  if (!options.tasks.empty()) sweep.tasks = {{options.tasks, "--tasks"}};
  sweep.contexts = {{or_default(options.contexts, kQualityContext), "--context"}};
  sweep.retentions = {
      {or_default(options.retentions, default_retentions(options.table)), "--retention"}};
  sweep.indexer_modes = {{or_default(options.indexer_mode, "exact"), "--indexer-mode"}};
  if (!options.cache_format.empty()) {
    sweep.cache_formats = {{options.cache_format, "--cache-format"}};
  }
  sweep.chunk.text = or_default(options.chunk, "1024");
  sweep.samples_per_task = {or_default(options.samples_per_task, "32"), "--samples-per-task"};
  return sweep;
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

/// A model that was trained for the uniform pattern of a retention, or its control.
struct TrainedModel {
  std::string retention, folder;
  const char* origin = kTrainedOrigin;
};

void append_models(std::vector<TrainedModel>& models, const char* option, const std::string& text,
                   const char* origin) {
  if (text.empty()) return;
  for (const std::string& item : parse_list(option, text)) {
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals + 1 == item.size()) {
      throw InvalidArgument(
          fmt::format("{}: expected retention=folder, such as 1/2=DIR, got '{}'", option, item));
    }
    const Retention retention = Retention::parse(item.substr(0, equals));
    models.push_back({retention.to_string(), item.substr(equals + 1), origin});
  }
}

std::vector<TrainedModel> trained_models(const ReproduceOptions& options) {
  std::vector<TrainedModel> models;
  append_models(models, "--trained", options.trained, kTrainedOrigin);
  append_models(models, "--control", options.controls, kControlOrigin);
  if (models.empty()) {
    throw InvalidArgument(
        "reproduce table3: give --trained 1/2=DIR, a model that was trained for that pattern");
  }
  return models;
}

/// The sweeps of table3, the base model's first: all is checked before anything is measured.
std::vector<RunPlan> trained_plans(const ReproduceOptions& options) {
  const SweepText asked = quality_text(options);
  const ModelRequest base = checkpoint_request(options);
  std::vector<RunPlan> plans{begin_reproduction(options, base)};
  const ModelConfig config = resolve_model_config(base);
  plans.front().sweep = make_sweep_plan(config, quality_axes(asked, {}, config, base));
  for (const TrainedModel& model : trained_models(options)) {
    ModelRequest request = base;
    request.model = model.folder;
    RunPlan plan = begin_reproduction(options, request);
    const ModelConfig own = resolve_model_config(request);
    plan.sweep =
        make_sweep_plan(own, trained_axes(asked, model.retention, model.origin, own, request));
    plans.push_back(std::move(plan));
  }
  for (RunPlan& plan : plans) plan.model = with_absolute_paths(plan.model);
  return plans;
}

}  // namespace

ModelRequest checkpoint_request(const ReproduceOptions& options) {
  const auto& given = options.given;
  if (std::find(given.begin(), given.end(), "--model") == given.end()) {
    throw InvalidArgument(
        fmt::format("reproduce {}: give --model, a trained checkpoint such as builtin: answers of "
                    "generated weights are chance",
                    options.table));
  }
  ModelOptions chosen = options.model;
  if (chosen.device.empty()) chosen.device = best_device();
  return to_request_of_one_device(chosen, "reproduce");
}

RunPlan begin_reproduction(const ReproduceOptions& options, const ModelRequest& request) {
  RunPlan plan;
  plan.reproduction = options.table;
  plan.repeats = options.control.repeats;
  plan.limits = options.control.limits;
  validate(plan);
  plan.model = request;
  return plan;
}

ExitCode reproduce_quality(const ReproduceOptions& options, const ResultOutput& output,
                           const Invocation& invocation) {
  RunPlan plan = begin_reproduction(options, checkpoint_request(options));
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

ExitCode reproduce_trained(const ReproduceOptions& options, const ResultOutput& output,
                           const Invocation& invocation) {
  const std::vector<RunPlan> plans = trained_plans(options);
  if (options.control.dry_run) {
    output.write(plan_tables(plans, options.control.db, invocation));
    return ExitCode::pass;
  }
  std::vector<RunResults> runs;
  for (const RunPlan& plan : plans) {
    auto [code, results] = run_sweep_for_results(plan, options.control, invocation);
    if (code != ExitCode::pass) return code;
    runs.push_back(std::move(results));
  }
  output.write({reproduction_table(options.table, runs)});
  return ExitCode::pass;
}

}  // namespace dsabench
