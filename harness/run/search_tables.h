#pragma once
#include <string>
#include <vector>

#include "engine/model/model_config.h"
#include "harness/run/search_run.h"
#include "results/report/table.h"

namespace dsabench {

/// What the tables of a search say beside its numbers.
struct SearchHeading {
  std::string suite;
  std::int64_t context_tokens = 0;
  bool synthetic_weights = false;
  bool has_calibration_split = true;
};

/// The patterns found, how each runtime is told of them and what it makes of that, the flips of the
/// first step and the steps, the Pareto front, and the work it took.
std::vector<Table> search_tables(const SearchOutcome& outcome, const ModelConfig& config,
                                 const SearchHeading& heading);

}  // namespace dsabench
