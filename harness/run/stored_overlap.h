#pragma once
#include "engine/search/overlap.h"
#include "harness/plan/cell.h"
#include "results/overlap_view.h"

namespace dsabench {

/// A matrix of shared indices as the database keeps it (results/overlap_record.h). The summary is
/// of passes with all layers Full.
PlannedCell overlap_cell(const Cell& cell);
TrialRecord overlap_trial(const Cell& cell, const OverlapSummary& summary, std::int64_t top_k,
                          std::int64_t num_questions);

/// The summary again, to the millionth.
OverlapSummary stored_summary(const OverlapView& overlap);

}  // namespace dsabench
