#pragma once
#include <string>

#include "engine/search/overlap.h"
#include "harness/cli/verbs.h"
#include "harness/run/calibration_set.h"
#include "harness/run/progress.h"
#include "harness/target/model_source.h"

namespace dsabench {

/// An overlap as it was asked for.
struct OverlapPlan {
  ModelRequest model;
  CalibrationRequest questions;
  EngineOptions engine;
  std::int64_t pairs_per_pass = 16;
};
/// Throws InvalidArgument where the questions do not suit the model, or are too short for its
/// layers to choose anything.
void check_overlap(const OverlapPlan& plan, const ModelConfig& config);

/// What came of it, and of which model.
struct MeasuredOverlap {
  OverlapSummary summary;
  ModelIdentity model;
  std::string run_id;
};
/// Loads the model, reads the questions with all layers Full, and writes what layers chose in
/// common as a run of its own. Throws InvalidArgument where no row was long enough, and
/// Interrupted: then nothing is written.
MeasuredOverlap measure_and_store_overlap(const OverlapPlan& plan, const std::string& database,
                                          Progress& progress, const Invocation& invocation);

}  // namespace dsabench
