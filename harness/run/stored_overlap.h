#pragma once
#include "engine/search/overlap.h"
#include "harness/plan/cell.h"
#include "results/record.h"

namespace dsabench {

/// A matrix of shared indices as the database keeps it (results/overlap_record.h). The summary is
/// of passes with all layers Full.
PlannedCell overlap_cell(const Cell& cell);
TrialRecord overlap_trial(const Cell& cell, const OverlapSummary& summary,
                          std::int64_t num_questions);

}  // namespace dsabench
