#include "harness/run/stored_overlap.h"

#include <unistd.h>

#include <cmath>

#include "harness/run/environment.h"
#include "results/overlap_record.h"

namespace dsabench {

PlannedCell overlap_cell(const Cell& cell) {
  PlannedCell planned;
  planned.cell = to_record(cell);
  planned.nominal_retention = "1";
  planned.pattern_origin = "uniform";
  planned.dialect = "paper";
  return planned;
}

TrialRecord overlap_trial(const Cell& cell, const OverlapSummary& summary,
                          std::int64_t num_questions) {
  TrialRecord trial;
  trial.cell_id = cell_id(cell);
  trial.process_id = ::getpid();
  trial.outcome = TrialOutcome::ok;
  trial.stop_reason = "count";
  trial.verification_json = "{}";
  trial.conditions_json = current_conditions();
  std::vector<std::int64_t> matrix;
  for (const double share : summary.layer_matrix) matrix.push_back(std::llround(1e6 * share));
  trial.metrics = {{kOverlapMatrix, "count", "exact", std::move(matrix)},
                   {"overlap_pairs", "count", "exact", {summary.sampled_pairs}},
                   {"overlap_questions", "count", "exact", {num_questions}}};
  return trial;
}

}  // namespace dsabench
