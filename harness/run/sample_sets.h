#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/plan/sweep_plan.h"
#include "harness/target/model_source.h"

namespace dsabench {

/// Throws InvalidArgument, with the place of the sweep, where SampleSets would: a context that is
/// too small for a suite, text for a model without a tokenizer. Needs no weights and makes no long
/// prompts, so that a plan is refused before anything is loaded or written.
void check_samples(const SweepPlan& plan, const ModelRequest& request);

/// The prompts of every cell of a plan, each distinct set made once. Cells that differ in pattern,
/// mode or phase share a set, so that they answer the same questions.
class SampleSets {
 public:
  /// Makes all sets now. Throws InvalidArgument where check_samples() does.
  SampleSets(const SweepPlan& plan, const LoadedModel& model);

  const std::vector<Sample>& of(const PlanEntry& entry) const;

 private:
  std::map<std::string, std::vector<Sample>> sets_;
};

}  // namespace dsabench
