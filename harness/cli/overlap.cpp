#include "engine/search/overlap.h"

#include <fmt/format.h>

#include "harness/cli/results_database.h"
#include "harness/cli/sweep.h"
#include "harness/plan/sweep_text.h"
#include "harness/plan/value_lists.h"
#include "harness/run/calibration_set.h"
#include "harness/run/interrupt.h"
#include "harness/run/overlap_tables.h"
#include "harness/run/stored_overlap.h"
#include "harness/run/wall_clock.h"
#include "kernels/base/error.h"
#include "kernels/cuda/device_queue.h"
#include "results/identity.h"
#include "results/overlap_record.h"

namespace dsabench {
namespace {

/// All that the options ask for, checked.
struct OverlapPlan {
  ModelRequest model;
  CalibrationRequest questions;
  std::vector<PatternChoice> patterns;
  EngineOptions engine;
  std::int64_t pairs = 0;
};

OverlapPlan plan_of(const OverlapVerbOptions& options) {
  if (options.model.model.empty()) throw InvalidArgument("overlap: --model is required");
  OverlapPlan plan;
  plan.model = to_request_of_one_device(options.model, "overlap");
  plan.questions.suite = options.suite;
  plan.questions.context_tokens = parse_count("--context", options.context);
  plan.questions.samples_per_task = parse_count("--samples-per-task", options.samples_per_task);
  plan.questions.seed = options.model.seed;
  if (!options.tasks.empty()) plan.questions.tasks = parse_list("--tasks", options.tasks);
  plan.pairs = parse_count("--pairs", options.pairs);
  plan.engine.indexer_mode = parse_indexer_mode(options.indexer_mode);
  plan.engine.chunk_tokens = parse_count("--chunk", options.chunk);

  const ModelConfig config = resolve_model_config(plan.model);
  if (!options.patterns.empty()) {
    plan.patterns = choose_patterns(config, parse_list("--pattern", options.patterns), {},
                                    to_dialect(options.model));
  }
  const std::int64_t context = plan.questions.context_tokens;
  if (context <= 2 * config.index_top_k || context > config.max_positions) {
    throw InvalidArgument(
        fmt::format("--context: {} tokens, must be above twice the {} indices of {} and at most {}",
                    context, config.index_top_k, config.name, config.max_positions));
  }
  check_calibration(plan.questions, resolve_tokenizer(plan.model, config).tokenizer.get());
  return plan;
}

/// What was looked at, as a cell: no sweep times a calibration set, so its id is its own.
Cell cell_of(const OverlapPlan& plan, const ModelConfig& config) {
  const SweepAxes axes = axes_for(plan.model);
  const Suite& suite = calibration_suite(plan.questions.suite);
  Cell cell;
  cell.model = config.name;
  cell.config_hash = content_hash(to_json(config));
  cell.pattern = LayerPattern::all_full(config.num_layers).letters();
  cell.suite = suite.name();
  cell.suite_version = suite.version();
  cell.tasks = plan.questions.tasks;
  cell.samples_per_task = plan.questions.samples_per_task;
  cell.context_tokens = plan.questions.context_tokens;
  cell.phase = Phase::prefill;
  cell.device_kind = axes.device_kind;
  cell.dtype = axes.dtype;
  cell.indexer_mode = indexer_mode_name(plan.engine.indexer_mode);
  cell.chunk_tokens = plan.engine.chunk_tokens;
  if (axes.picks) cell.picks = picks_name(*axes.picks);
  cell.weights_seed = axes.weights_seed;
  cell.data_seed = axes.data_seed;
  return cell;
}

/// Writes the matrix as a run of its own and returns its id.
std::string store_overlap(ResultStore& store, RunRecord run, const Cell& cell, TrialRecord trial) {
  run.status = kOverlapStatus;
  run.plan_id = run.plan_json = "";
  run.finished_ms = unix_milliseconds();
  trial.run_id = run.run_id;
  trial.started_ms = run.started_ms;
  trial.finished_ms = run.finished_ms;
  store.add_run(run, {overlap_cell(cell)});
  store.add_trial(trial);
  return run.run_id;
}

}  // namespace

ExitCode run_overlap(const OverlapVerbOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  const OverlapPlan plan = plan_of(options);
  const std::unique_ptr<Progress> progress = make_progress(
      parse_progress_mode(options.progress), invocation.err, TerminalTraits::of_stderr());
  cuda::device_queue(plan.model.device);  // what is missing is said before anything takes time
  ResultStore store = open_for_writing(options.db, invocation);
  const LoadedModel model = load_and_tell(plan.model, *progress);
  RunPlan no_cells;
  no_cells.model = plan.model;
  RunRecord run = describe_run(model.identity, no_cells, invocation.command_line);
  run.started_ms = unix_milliseconds();
  Engine engine(model.config, model.weights, LayerPattern::all_full(model.config->num_layers),
                plan.engine);
  const auto texts = calibration_set(plan.questions, model.tokenizer.get());
  const InterruptGuard guard([&progress] { progress->silence(); });
  OverlapObserver observer(plan.pairs);
  for (const CalibrationText& text : texts) {
    if (guard.interrupted()) throw Interrupted("overlap: interrupted");
    const SequenceTokens entry{engine.add_sequence(std::ssize(text.tokens)), text.tokens};
    engine.prefill({&entry, 1}, LogitRows::last, {}, &observer);
    engine.remove_sequence(entry.sequence);
  }
  progress->message(fmt::format("{} questions read", texts.size()));
  const OverlapSummary summary = observer.summary();
  if (summary.sampled_pairs == 0) {
    throw InvalidArgument(fmt::format(
        "--context: no question of {} at {} tokens has two rows of one pass with twice the {} keys "
        "that {} selects",
        options.suite, options.context, model.config->index_top_k, model.config->name));
  }
  const Cell cell = cell_of(plan, *model.config);
  const std::string run_id =
      store_overlap(store, run, cell, overlap_trial(cell, summary, std::ssize(texts)));
  progress->message(fmt::format("{}: overlap {}", options.db, run_id));
  output.write(
      overlap_tables(summary, plan.patterns,
                     {model.config->name, options.suite, plan.questions.context_tokens,
                      model.config->index_top_k, options.threshold, model.identity.synthetic}));
  return ExitCode::pass;
}

}  // namespace dsabench
