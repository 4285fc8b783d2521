#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/plan/sweep_plan.h"
#include "harness/target/model_source.h"

namespace dsabench {

/// The prompts of every cell of a plan, each distinct set made once. Cells that differ in pattern,
/// mode or phase share a set, so that they answer the same questions.
class SampleSets {
 public:
  /// Makes all sets now, so that a context that is too small for a suite, or text for a model
  /// without a tokenizer, is refused before anything runs: throws InvalidArgument.
  SampleSets(const SweepPlan& plan, const LoadedModel& model);

  const std::vector<Sample>& of(const PlanEntry& entry) const;

 private:
  static std::string key(const PlanEntry& entry);
  std::map<std::string, std::vector<Sample>> sets_;
};

}  // namespace dsabench
