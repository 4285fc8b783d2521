#include "harness/run/trial_list.h"

#include <map>

namespace dsabench {
namespace {

bool is_unfinished(const RunProgress::Pair& pair, bool retry_failed) {
  if (pair.ok) return false;
  switch (pair.last_outcome) {
    case TrialOutcome::interrupted:
    case TrialOutcome::discarded:
      return true;
    case TrialOutcome::failed:
      return retry_failed || (pair.last_crashed && pair.num_crashed <= kMaxCrashRetries);
    case TrialOutcome::ok:
    case TrialOutcome::incorrect:
      break;
  }
  return retry_failed;
}

}  // namespace

std::vector<TrialTask> all_trials(const SweepPlan& plan, std::int64_t repeats) {
  std::vector<TrialTask> tasks;
  for (std::int64_t repeat = 0; repeat < repeats; ++repeat) {
    for (std::size_t entry = 0; entry < plan.entries.size(); ++entry) {
      tasks.push_back({entry, repeat});
    }
  }
  return tasks;
}

std::vector<TrialTask> unfinished_trials(const SweepPlan& plan, std::int64_t repeats,
                                         std::span<const RunProgress::Pair> tried,
                                         bool retry_failed) {
  std::map<std::pair<std::string, std::int64_t>, const RunProgress::Pair*> by_pair;
  for (const RunProgress::Pair& pair : tried) by_pair[{pair.cell_id, pair.repeat}] = &pair;
  std::vector<std::string> ids;
  for (const PlanEntry& entry : plan.entries) ids.push_back(cell_id(entry.cell));
  std::vector<TrialTask> tasks;
  for (const TrialTask& task : all_trials(plan, repeats)) {
    const auto found = by_pair.find({ids[task.entry], task.repeat});
    const bool left = found == by_pair.end() || is_unfinished(*found->second, retry_failed);
    if (left) tasks.push_back(task);
  }
  return tasks;
}

}  // namespace dsabench
