#pragma once
#include <string>
#include <vector>

#include "harness/cli/verbs.h"
#include "harness/run/calibration_set.h"
#include "harness/run/search_run.h"
#include "harness/target/model_source.h"

namespace dsabench {

/// A search as it was asked for, checked.
struct SearchPlan {
  ModelRequest model;
  CalibrationRequest questions;
  std::vector<SearchMethod> methods;
  std::vector<SearchTarget> targets;
  IndexerMode indexer_mode = IndexerMode::exact;
  std::int64_t pass_tokens = 8192;
  bool give_up = false, second_set = true;
};
/// Throws InvalidArgument where the questions do not suit the model.
void check_search(const SearchPlan& plan, const ModelConfig& config);

/// What came of a search, and of which model.
struct StoredSearch {
  SearchOutcome outcome;
  ModelConfig config;
  bool synthetic_weights = false;
};
/// Loads the model, searches, and writes the search as a run of its own; Ctrl-C ends it early.
StoredSearch search_and_store(const SearchPlan& plan, const std::string& database,
                              Progress& progress, const Invocation& invocation);

}  // namespace dsabench
