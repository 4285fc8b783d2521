#pragma once
/// What a quality cell scored, task by task. Private to results/.
#include <cstdint>
#include <string>
#include <vector>

#include "results/report/cell_view.h"
#include "results/statistics.h"

namespace dsabench::report {

/// A mean score in [0, 1] over items, or over tasks, and its 95 % interval.
struct TaskScore {
  std::string task;
  std::int64_t num_items = 0;
  double mean = 0;
  Interval interval;
};

/// Per task, in the order of first appearance, over the ok trials. An item asked in several trials
/// counts once, with its mean score. Wilson intervals.
std::vector<TaskScore> task_scores(const CellView& view);

/// The mean over tasks, each counting alike; its interval is put together from theirs (MOVER; Zou
/// and Donner 2008). `scores` holds at least one.
TaskScore mean_over_tasks(const std::vector<TaskScore>& scores);

}  // namespace dsabench::report
