#pragma once
#include <string>
#include <vector>

#include "engine/search/overlap.h"
#include "harness/plan/pattern_choice.h"
#include "results/report/table.h"

namespace dsabench {

/// What the tables of an overlap say beside its numbers.
struct OverlapHeading {
  std::string model, suite;
  std::int64_t context_tokens = 0, top_k = 0;
  double threshold = 0.0;
  bool synthetic_weights = false;
};

/// The matrix over all layers, its clusters at the threshold, and how they differ from the blocks
/// of each pattern: layers that use one layer's indices. `summary` is of passes with all layers
/// Full and has samples.
std::vector<Table> overlap_tables(const OverlapSummary& summary,
                                  const std::vector<PatternChoice>& patterns,
                                  const OverlapHeading& heading);

}  // namespace dsabench
