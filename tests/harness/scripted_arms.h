#pragma once
/// Processes of arms as values: runs of one cell whose times a test chooses.
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "harness/plan/cell.h"
#include "harness/run/ab_run.h"

namespace dsabench::test {

inline Cell scripted_cell(std::int64_t context = 2048) {
  Cell cell;
  cell.model = "scripted";
  cell.config_hash = "c";
  cell.pattern = "FSSS";
  cell.suite = "speed";
  cell.suite_version = "1";
  cell.context_tokens = context;
  return cell;
}

/// A process that timed the cells' prefill: the median of its samples is `time_ns`.
inline RunResults scripted_run(double time_ns, const std::vector<Cell>& cells = {scripted_cell()},
                               TrialOutcome outcome = TrialOutcome::ok) {
  RunResults results;
  results.run.run_id = "run";
  results.run.status = "done";
  results.run.machine_id = "machine";
  results.run.machine_json = "{}";
  results.run.build_id = "build";
  results.run.model_id = "model";
  for (const Cell& cell : cells) {
    PlannedCell planned;
    planned.cell = to_record(cell);
    planned.position = std::ssize(results.plan);
    TrialRecord trial;
    trial.run_id = results.run.run_id;
    trial.cell_id = planned.cell.cell_id;
    trial.outcome = outcome;
    if (outcome != TrialOutcome::ok) trial.reason = "scripted";
    const auto median = static_cast<std::int64_t>(time_ns);
    trial.metrics.push_back({"prefill", "ns", "lower", {median - 1000, median, median + 1000}});
    results.plan.push_back(std::move(planned));
    results.trials.push_back(std::move(trial));
  }
  return results;
}

}  // namespace dsabench::test
