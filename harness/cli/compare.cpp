#include "results/compare.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/cli/result_output.h"
#include "harness/cli/results_database.h"
#include "harness/plan/value_lists.h"
#include "kernels/base/error.h"
#include "results/compare_groups.h"

namespace dsabench {
namespace {

std::vector<std::string> ignored_keys(const CompareVerbOptions& options) {
  if (options.ignored_keys.empty()) return {};
  return parse_list("--ignore", options.ignored_keys);
}

std::vector<Table> compare_two(const CompareVerbOptions& options, const ResultStore& store) {
  CompareOptions compare;
  compare.ignored_keys = ignored_keys(options);
  const RunResults base = store.load_run(resolve_run(store, options.runs.at(0)));
  const RunResults candidate = store.load_run(resolve_run(store, options.runs.at(1)));
  return compare_runs(base, candidate, compare);
}

/// Those named, each once; else all of the database, oldest first.
std::vector<std::string> chosen_runs(const CompareVerbOptions& options, const ResultStore& store) {
  std::vector<std::string> ids;
  for (const std::string& name : options.runs) {
    std::string id = resolve_run(store, name);
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(std::move(id));
  }
  if (!ids.empty()) return ids;
  const std::vector<RunRecord> runs = store.list_runs();
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    if (run->status != kProfileStatus && run->status != kSearchStatus) ids.push_back(run->run_id);
  }
  return ids;
}

std::vector<Table> compare_many(const CompareVerbOptions& options, GroupBy by,
                                const ResultStore& store) {
  CompareGroupsOptions compare;
  compare.by = by;
  compare.ignored_keys = ignored_keys(options);
  std::vector<RunResults> runs;
  for (const std::string& id : chosen_runs(options, store)) runs.push_back(store.load_run(id));
  return compare_groups(runs, compare);
}

}  // namespace

ExitCode run_compare(const CompareVerbOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  if (options.by.empty()) {
    if (options.runs.size() != 2) {
      throw InvalidArgument(fmt::format(
          "compare: expected two runs, BASE and CANDIDATE, got {}; with --by any number",
          options.runs.size()));
    }
    output.write(compare_two(options, open_for_reading(options.db, invocation)));
  } else {
    const GroupBy by = parse_group_by(options.by);
    output.write(compare_many(options, by, open_for_reading(options.db, invocation)));
  }
  return ExitCode::pass;
}

}  // namespace dsabench
