#include "harness/cli/measured_overlap.h"

#include <fmt/format.h>

#include "harness/cli/results_database.h"
#include "harness/cli/sweep.h"
#include "harness/plan/sweep_text.h"
#include "harness/run/interrupt.h"
#include "harness/run/stored_overlap.h"
#include "harness/run/wall_clock.h"
#include "kernels/base/error.h"
#include "kernels/cuda/device_queue.h"
#include "results/identity.h"

namespace dsabench {
namespace {

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

void check_overlap(const OverlapPlan& plan, const ModelConfig& config) {
  const std::int64_t context = plan.questions.context_tokens;
  if (context <= 2 * config.index_top_k || context > config.max_positions) {
    throw InvalidArgument(
        fmt::format("--context: {} tokens, must be above twice the {} indices of {} and at most {}",
                    context, config.index_top_k, config.name, config.max_positions));
  }
  check_calibration(plan.questions, resolve_tokenizer(plan.model, config).tokenizer.get());
}

MeasuredOverlap measure_and_store_overlap(const OverlapPlan& plan, const std::string& database,
                                          Progress& progress, const Invocation& invocation) {
  cuda::device_queue(plan.model.device);  // what is missing is said before anything takes time
  ResultStore store = open_for_writing(database, invocation);
  const LoadedModel model = load_and_tell(plan.model, progress);
  RunPlan no_cells;
  no_cells.model = plan.model;
  RunRecord run = describe_run(model.identity, no_cells, invocation.command_line);
  run.started_ms = unix_milliseconds();
  Engine engine(model.config, model.weights, LayerPattern::all_full(model.config->num_layers),
                plan.engine);
  const auto texts = calibration_set(plan.questions, model.tokenizer.get());
  const InterruptGuard guard([&progress] { progress.silence(); });
  OverlapObserver observer(plan.pairs_per_pass);
  for (const CalibrationText& text : texts) {
    if (guard.interrupted()) throw Interrupted("overlap: interrupted");
    const SequenceTokens entry{engine.add_sequence(std::ssize(text.tokens)), text.tokens};
    engine.prefill({&entry, 1}, LogitRows::last, {}, &observer);
    engine.remove_sequence(entry.sequence);
  }
  progress.message(fmt::format("{} questions read", texts.size()));
  const std::int64_t top_k = model.config->index_top_k;
  OverlapSummary summary = observer.summary();
  if (summary.sampled_pairs == 0) {
    throw InvalidArgument(fmt::format(
        "--context: no question of {} at {} tokens has two rows of one pass with twice the {} keys "
        "that {} selects",
        plan.questions.suite, plan.questions.context_tokens, top_k, model.config->name));
  }
  const Cell cell = cell_of(plan, *model.config);
  std::string run_id =
      store_overlap(store, run, cell, overlap_trial(cell, summary, top_k, std::ssize(texts)));
  progress.message(fmt::format("{}: overlap {}", database, run_id));
  return {std::move(summary), model.identity, std::move(run_id)};
}

}  // namespace dsabench
