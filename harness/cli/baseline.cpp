#include <fmt/format.h>

#include <set>

#include "harness/cli/result_output.h"
#include "harness/cli/results_database.h"
#include "harness/run/wall_clock.h"
#include "kernels/base/error.h"
#include "results/report/fields.h"

namespace dsabench {
namespace {

Table baselines_table(const std::string& title, const std::vector<BaselineRecord>& baselines) {
  using enum Shown;
  Table table;
  table.name = "baselines";
  table.title = title;
  table.columns = {report::naming("name", "Name"),
                   {"baseline_id", "Number", "", 0, in_data},
                   {"promoted", "Promoted", "", 0, everywhere},
                   {"retired", "Retired", "", 0, everywhere},
                   {"in_force", "In force", "", 0, everywhere},
                   {"runs", "Runs", "", 0, everywhere},
                   {"run_ids", "Run ids", "", 0, everywhere},
                   {"note", "Note", "", 0, everywhere}};
  std::set<std::string> seen;  // newest first: the first that is not retired is in force
  for (const BaselineRecord& baseline : baselines) {
    const bool retired = baseline.retired_ms != 0;
    const bool in_force = !retired && seen.insert(baseline.name).second;
    table.rows.push_back({baseline.name, baseline.baseline_id, utc_time(baseline.promoted_ms),
                          retired ? Field(utc_time(baseline.retired_ms)) : Field(),
                          std::string(in_force ? "yes" : "no"), std::ssize(baseline.run_ids),
                          fmt::format("{}", fmt::join(baseline.run_ids, ", ")),
                          report::nonempty(baseline.note)});
  }
  return table;
}

/// A run without a trial that went well is nothing to be held against.
void check_measured(const ResultStore& store, const std::string& run_id) {
  for (const RunProgress::Pair& pair : store.load_progress(run_id).tried) {
    if (pair.ok) return;
  }
  throw InvalidArgument(fmt::format("baseline promote: run {} has no cell that went well", run_id));
}

}  // namespace

ExitCode run_baseline_promote(const BaselineVerbOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  ResultStore store = open_to_go_on(options.db, invocation);
  std::vector<std::string> runs;
  for (const std::string& name : options.runs) {
    runs.push_back(resolve_run(store, name));
    check_measured(store, runs.back());
  }
  const BaselineRecord baseline =
      store.promote_baseline(options.name, runs, options.note, unix_milliseconds());
  output.write({baselines_table("Promoted", {baseline})});
  return ExitCode::pass;
}

ExitCode run_baseline_list(const BaselineVerbOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  const ResultStore store = open_for_reading(options.db, invocation);
  output.write({baselines_table("Baselines in " + options.db, store.list_baselines())});
  return ExitCode::pass;
}

ExitCode run_baseline_retire(const BaselineVerbOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  ResultStore store = open_to_go_on(options.db, invocation);
  const BaselineRecord retired = store.retire_baseline(options.name, unix_milliseconds());
  output.write({baselines_table("Retired", {retired})});
  return ExitCode::pass;
}

}  // namespace dsabench
