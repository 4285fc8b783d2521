#include "harness/cli/reproduce_overlap.h"

#include <algorithm>

#include "harness/cli/measured_overlap.h"
#include "harness/cli/reproduce_quality.h"
#include "harness/cli/sweep.h"
#include "harness/plan/reproduction.h"
#include "harness/plan/sweep_text.h"
#include "harness/plan/value_lists.h"
#include "harness/run/overlap_tables.h"
#include "harness/run/search_run.h"
#include "harness/run/stored_overlap.h"

namespace dsabench {
namespace {

OverlapPlan plan_of(const ReproduceOptions& options) {
  OverlapPlan plan;
  plan.model = checkpoint_request(options);
  plan.questions.suite = options.suite;
  plan.questions.context_tokens =
      parse_count("--context", or_default(options.contexts, kQualityContext));
  plan.questions.samples_per_task =
      parse_count("--samples-per-task", or_default(options.samples_per_task, "4"));
  plan.questions.seed = options.model.seed;
  if (!options.tasks.empty()) plan.questions.tasks = parse_list("--tasks", options.tasks);
  plan.engine.indexer_mode = parse_indexer_mode(or_default(options.indexer_mode, "exact"));
  plan.engine.chunk_tokens = parse_count("--chunk", or_default(options.chunk, "1024"));
  check_overlap(plan, resolve_model_config(plan.model));
  return plan;
}

/// Under what name a search's pattern is asked for.
const char* origin_of(const std::string& method) {
  if (method == kSimilarityOrigin) return kSimilarityOrigin;
  return method == "uniform" ? "uniform" : kSearchedOrigin;
}

/// Those that the newest search of the model found on its first questions.
void append_searched(std::vector<PatternChoice>& patterns, const ResultStore& store,
                     const std::string& model_id) {
  for (const RunRecord& run : store.list_runs()) {
    if (run.status != kSearchStatus || run.model_id != model_id) continue;
    const auto search = store.load_search(run.run_id);
    for (const SearchedPattern& found : search->patterns) {
      if (found.calibration != 0 || found.method == kAllFullMethod) continue;
      patterns.push_back({LayerPattern::from_letters(found.pattern), origin_of(found.method),
                          found.retention, ""});
    }
    return;
  }
}

}  // namespace

std::vector<Table> stored_overlap_tables(const ResultStore& store, const std::string& name) {
  const RunResults results = store.load_run(resolve_overlap(store, name));
  const OverlapView overlap = view_overlap(results);
  std::vector<PatternChoice> patterns = published_patterns(overlap.num_layers);
  append_searched(patterns, store, results.run.model_id);
  std::vector<Table> tables{reproduction_table(kOverlap, results)};
  std::vector<Table> whole = overlap_tables(
      stored_summary(overlap), patterns,
      {overlap.cell.model, overlap.cell.suite, overlap.cell.context_tokens,
       overlap.value(kOverlapTopK).value_or(0), kClusterThreshold, results.run.synthetic_weights});
  std::move(whole.begin(), whole.end(), std::back_inserter(tables));
  if (patterns.empty()) {
    tables.front().notes.push_back(
        "no pattern is held against the clusters: dsabench search finds some for this model");
  }
  return tables;
}

ExitCode reproduce_overlap(const ReproduceOptions& options, const ResultOutput& output,
                           const Invocation& invocation) {
  const OverlapPlan plan = plan_of(options);
  const std::unique_ptr<Progress> progress = make_progress(
      parse_progress_mode(options.control.progress), invocation.err, TerminalTraits::of_stderr());
  const MeasuredOverlap measured =
      measure_and_store_overlap(plan, options.control.db, *progress, invocation);
  const ResultStore store = open_for_reading(options.control.db, invocation);
  output.write(stored_overlap_tables(store, measured.run_id));
  return ExitCode::pass;
}

}  // namespace dsabench
