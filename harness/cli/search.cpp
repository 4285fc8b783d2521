#include "harness/cli/stored_search.h"
#include "harness/cli/sweep.h"
#include "harness/plan/value_lists.h"
#include "harness/run/search_tables.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

SearchPlan plan_of(const SearchVerbOptions& options) {
  if (options.model.model.empty()) throw InvalidArgument("search: --model is required");
  SearchPlan plan;
  plan.model = to_request_of_one_device(options.model, "search");
  plan.questions.suite = options.suite;
  plan.questions.context_tokens = parse_count("--context", options.context);
  plan.questions.samples_per_task = parse_count("--samples-per-task", options.samples_per_task);
  plan.questions.seed = options.calibration_seed;
  if (!options.tasks.empty()) plan.questions.tasks = parse_list("--tasks", options.tasks);
  plan.pass_tokens = parse_count("--pass-tokens", options.pass_tokens);
  plan.indexer_mode = parse_indexer_mode(options.indexer_mode);
  plan.methods = parse_search_methods(options.methods);

  const ModelConfig config = resolve_model_config(plan.model);
  plan.targets =
      search_targets(config.num_layers, parse_retentions(options.retentions), plan.methods);
  plan.give_up = options.give_up;
  plan.second_set = !options.no_second_set;
  check_search(plan, config);
  return plan;
}

}  // namespace

ExitCode run_search(const SearchVerbOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  const SearchPlan plan = plan_of(options);
  const std::unique_ptr<Progress> progress = make_progress(
      parse_progress_mode(options.progress), invocation.err, TerminalTraits::of_stderr());
  const StoredSearch search = search_and_store(plan, options.db, *progress, invocation);
  output.write(
      search_tables(search.outcome, search.config,
                    {plan.questions.suite, plan.questions.context_tokens, search.synthetic_weights,
                     has_calibration_split(plan.questions.suite)}));
  return search.outcome.record.interrupted ? ExitCode::interrupted : ExitCode::pass;
}

}  // namespace dsabench
