#pragma once
#include <string>
#include <string_view>

#include "harness/plan/sweep_plan.h"
#include "harness/run/stopping_rule.h"
#include "harness/target/model_source.h"

namespace dsabench {

/// All that a run sets out to do: the model, its cells in order, how often and for how long.
struct RunPlan {
  ModelRequest model;
  SweepPlan sweep;
  std::int64_t repeats = 1;
  SamplingLimits limits;
  std::string reproduction = {};  ///< the table of the paper that it reproduces; empty: none
};

/// Throws InvalidArgument naming the value, for repeats and limits out of range.
void validate(const RunPlan& plan);

/// The whole plan as the database keeps it: canonical JSON, from which parse_plan_json makes the
/// same plan. Its hash is the plan id.
std::string plan_json(const RunPlan& plan);
/// Throws InvalidArgument for what is none, for a field or suite that this build does not know, and
/// for a cell that this build would not write the same way.
RunPlan parse_plan_json(std::string_view text);

/// What this build would measure otherwise than the plan says, in words: "suite speed is version 2
/// here, 1 in the plan". Empty: nothing.
std::string difference_here(const RunPlan& plan);

/// The request with paths that hold in any working directory.
ModelRequest with_absolute_paths(ModelRequest request);

}  // namespace dsabench
