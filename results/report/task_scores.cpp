#include "results/report/task_scores.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

namespace dsabench::report {

std::vector<TaskScore> task_scores(const CellView& view) {
  struct Sum {
    double score = 0;
    std::int64_t answers = 0;
  };
  std::vector<std::string> tasks;
  std::map<std::string, std::map<std::string, Sum>> items;
  for (const TrialRecord* trial : view.ok_trials) {
    for (const AnswerRecord& answer : trial->answers) {
      if (!items.count(answer.task)) tasks.push_back(answer.task);
      Sum& sum = items[answer.task][answer.item_id];
      sum.score += answer.score;
      ++sum.answers;
    }
  }
  std::vector<TaskScore> scores;
  for (const std::string& task : tasks) {
    TaskScore& score = scores.emplace_back();
    score.task = task;
    score.num_items = static_cast<std::int64_t>(items[task].size());
    for (const auto& [item, sum] : items[task]) {
      score.mean += sum.score / static_cast<double>(sum.answers);
    }
    score.mean /= static_cast<double>(score.num_items);
    score.interval = wilson_interval(score.mean, score.num_items);
  }
  return scores;
}

TaskScore mean_over_tasks(const std::vector<TaskScore>& scores) {
  TaskScore mean;
  mean.task = fmt::format("mean of {} tasks", scores.size());
  double below = 0, above = 0;
  for (const TaskScore& score : scores) {
    mean.num_items += score.num_items;
    mean.mean += score.mean;
    below += std::pow(score.mean - score.interval.low, 2);
    above += std::pow(score.interval.high - score.mean, 2);
  }
  const auto count = static_cast<double>(scores.size());
  mean.mean /= count;
  mean.interval = {mean.mean - std::sqrt(below) / count, mean.mean + std::sqrt(above) / count};
  return mean;
}

}  // namespace dsabench::report
