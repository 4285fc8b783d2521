#pragma once
/// Scores of two runs, question by question. Private to results/.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "results/report/cell_view.h"
#include "results/statistics.h"

namespace dsabench::compare {

/// Fewer draws say nothing about the ends of an interval.
inline constexpr std::int64_t kMinResamples = 100;

/// One task, or the mean over several. Scores in [0, 1]; differences are candidate - base.
struct ScoreDifference {
  std::string task;
  std::int64_t num_items = 0;
  std::int64_t num_better = 0, num_worse = 0;  ///< items on which the candidate's score differs
  double base = 0, candidate = 0, difference = 0;
  Interval interval;  ///< 95 %, paired bootstrap over items, percentiles
  std::int64_t only_base = 0, only_candidate = 0;  ///< items that one side alone has
  std::int64_t other_prompt = 0;  ///< items of one id and two prompts: not compared
};

/// Per task in the base's order, then for several tasks their mean. An item asked in several trials
/// counts once, with its mean score. Tasks without a common item have num_items 0. `only_tasks`: of
/// those alone; empty: of all.
std::vector<ScoreDifference> score_differences(const report::CellView& base,
                                               const report::CellView& candidate,
                                               std::uint64_t seed, std::int64_t num_resamples,
                                               std::span<const std::string> only_tasks = {});

}  // namespace dsabench::compare
