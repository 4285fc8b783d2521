#pragma once
/// Which trials of a plan are still to be run.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/plan/sweep_plan.h"
#include "results/store.h"

namespace dsabench {

/// One trial: an entry of the plan, and which of its repeats.
struct TrialTask {
  std::size_t entry = 0;
  std::int64_t repeat = 0;
  bool operator==(const TrialTask&) const = default;
};

/// Every cell, `repeats` times over: cells inside repeats.
std::vector<TrialTask> all_trials(const SweepPlan& plan, std::int64_t repeats);

/// How often a trial that took its process with it is tried again.
inline constexpr std::int64_t kMaxCrashRetries = 2;

/// What a resumed run has to do, in the order of all_trials: pairs that were not tried, that were
/// interrupted or discarded, and that crashed last and no more than kMaxCrashRetries times.
/// `retry_failed`: also what failed or was incorrect: outcomes, which else stay.
std::vector<TrialTask> unfinished_trials(const SweepPlan& plan, std::int64_t repeats,
                                         std::span<const RunProgress::Pair> tried,
                                         bool retry_failed);

}  // namespace dsabench
