#include "harness/cli/measured_overlap.h"
#include "harness/cli/result_output.h"
#include "harness/cli/sweep.h"
#include "harness/plan/sweep_text.h"
#include "harness/plan/value_lists.h"
#include "harness/run/overlap_tables.h"
#include "kernels/base/error.h"

namespace dsabench {

ExitCode run_overlap(const OverlapVerbOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  if (options.model.model.empty()) throw InvalidArgument("overlap: --model is required");
  OverlapPlan plan;
  plan.model = to_request_of_one_device(options.model, "overlap");
  plan.questions.suite = options.suite;
  plan.questions.context_tokens = parse_count("--context", options.context);
  plan.questions.samples_per_task = parse_count("--samples-per-task", options.samples_per_task);
  plan.questions.seed = options.model.seed;
  if (!options.tasks.empty()) plan.questions.tasks = parse_list("--tasks", options.tasks);
  plan.pairs_per_pass = parse_count("--pairs", options.pairs);
  plan.engine.indexer_mode = parse_indexer_mode(options.indexer_mode);
  plan.engine.chunk_tokens = parse_count("--chunk", options.chunk);

  const ModelConfig config = resolve_model_config(plan.model);
  std::vector<PatternChoice> patterns;
  if (!options.patterns.empty()) {
    patterns = choose_patterns(config, parse_list("--pattern", options.patterns), {},
                               to_dialect(options.model));
  }
  check_overlap(plan, config);
  const std::unique_ptr<Progress> progress = make_progress(
      parse_progress_mode(options.progress), invocation.err, TerminalTraits::of_stderr());
  const MeasuredOverlap measured =
      measure_and_store_overlap(plan, options.db, *progress, invocation);
  output.write(overlap_tables(measured.summary, patterns,
                              {config.name, options.suite, plan.questions.context_tokens,
                               config.index_top_k, options.threshold, measured.model.synthetic}));
  return ExitCode::pass;
}

}  // namespace dsabench
