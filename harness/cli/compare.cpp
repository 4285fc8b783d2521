#include "results/compare.h"

#include "harness/cli/result_output.h"
#include "harness/cli/results_database.h"
#include "harness/plan/value_lists.h"

namespace dsabench {

ExitCode run_compare(const CompareVerbOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  CompareOptions compare;
  if (!options.ignored_keys.empty()) {
    compare.ignored_keys = parse_list("--ignore", options.ignored_keys);
  }
  const ResultStore store = open_for_reading(options.db, invocation);
  const RunResults base = store.load_run(resolve_run(store, options.base));
  const RunResults candidate = store.load_run(resolve_run(store, options.candidate));
  output.write(compare_runs(base, candidate, compare));
  return ExitCode::pass;
}

}  // namespace dsabench
