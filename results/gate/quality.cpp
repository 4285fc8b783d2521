#include "results/gate/quality.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string_view>
#include <tuple>

#include "results/statistics.h"
#include "results/statistics/bootstrap.h"
#include "results/statistics/mcnemar.h"
#include "results/statistics/signed_rank.h"

namespace dsabench::gate {
namespace {

struct Item {
  double sum = 0, count = 0;
  std::set<std::string_view> outputs;  ///< of the records
  double score() const { return sum / count; }
};
/// By task, item and prompt.
using Items = std::map<std::tuple<std::string, std::string, std::string>, Item>;

Items items_of(const std::vector<Observation>& side) {
  Items items;
  for (const Observation& seen : side) {
    for (const TrialRecord* trial : seen.view->ok_trials) {
      for (const AnswerRecord& answer : trial->answers) {
        Item& item = items[{answer.task, answer.item_id, answer.prompt_hash}];
        item.sum += answer.score;
        ++item.count;
        item.outputs.insert(answer.output);
      }
    }
  }
  return items;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Of right/wrong answers, how many items went from where to where.
struct Counts {
  std::int64_t both = 0, lost = 0, gained = 0, neither = 0;
};

bool is_binary(const std::vector<double>& scores) {
  return std::all_of(scores.begin(), scores.end(),
                     [](double score) { return score == 0 || score == 1; });
}

Counts count(const PairedScores& scores) {
  Counts counts;
  for (std::size_t i = 0; i < scores.base.size(); ++i) {
    const bool before = scores.base[i] == 1, after = scores.candidate[i] == 1;
    ++(before ? (after ? counts.both : counts.lost) : (after ? counts.gained : counts.neither));
  }
  return counts;
}

void set_interval(QualityEstimate& estimate, const Interval& printed, const Interval& passing) {
  constexpr double kPoints = 100;
  estimate.low = kPoints * printed.low;
  estimate.high = kPoints * printed.high;
  estimate.pass_low = kPoints * passing.low;
}

}  // namespace

PairedScores pair_scores(const std::vector<Observation>& base,
                         const std::vector<Observation>& candidate) {
  const Items ours = items_of(base), theirs = items_of(candidate);
  PairedScores scores;
  for (const auto& [key, item] : ours) {
    const auto found = theirs.find(key);
    if (found == theirs.end()) {
      ++scores.only_base;
      continue;
    }
    scores.base.push_back(item.score());
    scores.candidate.push_back(found->second.score());
    // Equal texts may yet be scored otherwise, by another scorer.
    scores.identical &= item.outputs.size() == 1 && found->second.outputs == item.outputs &&
                        scores.base.back() == scores.candidate.back();
  }
  scores.only_candidate = std::ssize(theirs) - std::ssize(scores.base);
  return scores;
}

QualityEstimate estimate_quality(const PairedScores& scores, const QualityRule& rule) {
  QualityEstimate estimate;
  estimate.base = 100 * mean_of(scores.base);
  estimate.candidate = 100 * mean_of(scores.candidate);
  std::vector<double> differences;
  for (std::size_t i = 0; i < scores.base.size(); ++i) {
    differences.push_back(scores.candidate[i] - scores.base[i]);
    estimate.num_lost += differences.back() < 0;
    estimate.num_gained += differences.back() > 0;
  }
  estimate.difference = 100 * mean_of(differences);
  const double passing = 1 - 2 * rule.alpha;
  if (is_binary(scores.base) && is_binary(scores.candidate)) {
    const Counts counts = count(scores);
    const auto interval = [&](double confidence) {
      return paired_difference_interval(counts.both, counts.lost, counts.gained, counts.neither,
                                        confidence);
    };
    const McNemarTest test = mcnemar_test(counts.lost, counts.gained);
    estimate.p_worse = test.p_lost;
    estimate.p_better = test.p_gained;
    set_interval(estimate, interval(rule.confidence), interval(passing));
    return estimate;
  }
  // A question is a cluster, and its repeats are one value: their mean.
  std::vector<std::int64_t> clusters(differences.size());
  std::iota(clusters.begin(), clusters.end(), std::int64_t{0});
  const auto interval = [&](double confidence) {
    return cluster_bootstrap_mean(differences, clusters,
                                  {.seed = rule.seed, .confidence = confidence})
        .interval;
  };
  const SignedRankTest test = signed_rank_test(differences);
  estimate.p_worse = test.p_less;
  estimate.p_better = test.p_greater;
  set_interval(estimate, interval(rule.confidence), interval(passing));
  return estimate;
}

Verdict judge_quality(const PairedScores& scores, const QualityEstimate& estimate,
                      const QualityRule& rule, double p_adjusted, std::string& reason) {
  if (scores.identical) {
    reason = fmt::format("all {} items answered identically", scores.base.size());
    return Verdict::pass;
  }
  const std::string seen = fmt::format(
      "lost {} and gained {} of {} items: {:+.2f} points ({:.0f} %: {:+.2f} to {:+.2f})",
      estimate.num_lost, estimate.num_gained, scores.base.size(), estimate.difference,
      100 * rule.confidence, estimate.low, estimate.high);
  if (p_adjusted < rule.alpha && estimate.difference < -rule.margin && estimate.high < 0) {
    reason = fmt::format("{}, p {:.2g}", seen, p_adjusted);
    return Verdict::regression;
  }
  if (estimate.pass_low > -rule.margin) {
    reason = fmt::format("{}, at most {:.2f} worse with {:.3g} % confidence", seen,
                         std::max(0.0, -estimate.pass_low), 100 * (1 - rule.alpha));
    return Verdict::pass;
  }
  reason = fmt::format("{}; a loss beyond {:g} is neither shown nor ruled out", seen, rule.margin);
  return Verdict::inconclusive;
}

}  // namespace dsabench::gate
