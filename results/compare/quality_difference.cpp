#include "results/compare/quality_difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>

namespace dsabench::compare {
namespace {

using report::CellView;

struct Item {
  std::string prompt_hash;
  double sum = 0;
  double answers = 0;
  double score() const { return sum / answers; }
};
using Items = std::map<std::string, Item>;

struct Tasks {
  std::vector<std::string> order;
  std::map<std::string, Items> items;
};

Tasks tasks_of(const CellView& view) {
  Tasks tasks;
  for (const TrialRecord* trial : view.ok_trials) {
    for (const AnswerRecord& answer : trial->answers) {
      if (!tasks.items.count(answer.task)) tasks.order.push_back(answer.task);
      Item& item = tasks.items[answer.task][answer.item_id];
      item.prompt_hash = answer.prompt_hash;
      item.sum += answer.score;
      ++item.answers;
    }
  }
  return tasks;
}

/// Pairs the items and returns their differences.
std::vector<double> pair_items(const Items& base, const Items& candidate, ScoreDifference& result) {
  std::vector<double> differences;
  for (const auto& [id, item] : base) {
    const auto found = candidate.find(id);
    if (found == candidate.end()) {
      ++result.only_base;
      continue;
    }
    if (found->second.prompt_hash != item.prompt_hash) {
      ++result.other_prompt;
      continue;
    }
    const double difference = found->second.score() - item.score();
    result.base += item.score();
    result.candidate += found->second.score();
    result.num_better += difference > 0;
    result.num_worse += difference < 0;
    differences.push_back(difference);
  }
  for (const auto& entry : candidate) result.only_candidate += !base.count(entry.first);
  result.num_items = static_cast<std::int64_t>(differences.size());
  const auto count = static_cast<double>(std::max<std::int64_t>(1, result.num_items));
  result.base /= count;
  result.candidate /= count;
  result.difference = result.candidate - result.base;
  return differences;
}

/// Means of items drawn with replacement. mt19937_64 gives the same draws everywhere, which the
/// standard's distributions do not promise; either half of a draw is scaled to an index, whose bias
/// is below size / 2^32.
std::vector<double> resampled_means(const std::vector<double>& values, std::mt19937_64& random,
                                    std::int64_t num_resamples) {
  std::vector<double> means;
  means.reserve(static_cast<std::size_t>(num_resamples));
  const std::uint64_t size = values.size();
  for (std::int64_t draw = 0; draw < num_resamples; ++draw) {
    double sum = 0;
    for (std::uint64_t i = 0; i < size; i += 2) {
      const std::uint64_t bits = random();
      sum += values[(bits >> 32) * size >> 32];
      if (i + 1 < size) sum += values[(bits & 0xffffffff) * size >> 32];
    }
    means.push_back(sum / static_cast<double>(size));
  }
  return means;
}

Interval percentiles(std::vector<double> means) {
  std::sort(means.begin(), means.end());
  const auto at = [&](double q) {
    return means[static_cast<std::size_t>(q * static_cast<double>(means.size() - 1) + 0.5)];
  };
  return {at(0.025), at(0.975)};
}

ScoreDifference mean_over(const std::vector<ScoreDifference>& tasks, std::vector<double> means) {
  ScoreDifference mean;
  double count = 0;
  for (const ScoreDifference& task : tasks) {
    if (task.num_items == 0) continue;
    ++count;
    mean.num_items += task.num_items;
    mean.num_better += task.num_better;
    mean.num_worse += task.num_worse;
    mean.base += task.base;
    mean.candidate += task.candidate;
  }
  mean.task = fmt::format("mean of {:.0f} tasks", count);
  mean.base /= count;
  mean.candidate /= count;
  mean.difference = mean.candidate - mean.base;
  for (double& value : means) value /= count;
  mean.interval = percentiles(std::move(means));
  return mean;
}

}  // namespace

std::vector<ScoreDifference> score_differences(const CellView& base, const CellView& candidate,
                                               std::uint64_t seed, std::int64_t num_resamples,
                                               std::span<const std::string> only_tasks) {
  const Tasks base_tasks = tasks_of(base);
  Tasks candidate_tasks = tasks_of(candidate);
  std::vector<std::string> order = base_tasks.order;
  for (const std::string& task : candidate_tasks.order) {
    if (!base_tasks.items.count(task)) order.push_back(task);
  }
  if (!only_tasks.empty()) {
    std::erase_if(order, [&](const std::string& task) {
      return std::find(only_tasks.begin(), only_tasks.end(), task) == only_tasks.end();
    });
  }
  std::mt19937_64 random(seed);
  std::vector<double> sums(static_cast<std::size_t>(num_resamples));
  std::vector<ScoreDifference> results;
  std::int64_t num_compared = 0;
  for (const std::string& task : order) {
    ScoreDifference& result = results.emplace_back();
    result.task = task;
    const auto found = base_tasks.items.find(task);
    const Items none;
    const std::vector<double> differences =
        pair_items(found == base_tasks.items.end() ? none : found->second,
                   candidate_tasks.items[task], result);
    if (differences.empty()) continue;
    ++num_compared;
    std::vector<double> means = resampled_means(differences, random, num_resamples);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += means[i];
    result.interval = percentiles(std::move(means));
  }
  if (num_compared > 1) results.push_back(mean_over(results, std::move(sums)));
  return results;
}

}  // namespace dsabench::compare
