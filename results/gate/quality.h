#pragma once
/// Is it worse? Private to results/.
#include <cstdint>
#include <string>
#include <vector>

#include "results/gate.h"
#include "results/gate/cells.h"

namespace dsabench::gate {

/// Items of two sides that go together, each once: its mean score over all processes and repeats.
struct PairedScores {
  std::vector<double> base, candidate;  ///< 0..1, one an item
  bool identical = true;                ///< one output each, the same on both sides
  std::int64_t only_base = 0, only_candidate = 0;
};
PairedScores pair_scores(const std::vector<Observation>& base,
                         const std::vector<Observation>& candidate);

struct QualityRule {
  double alpha = 0.01;
  double confidence = 0.95;
  double margin = 1;  ///< points
  std::uint64_t seed = 1;
};

struct QualityEstimate {
  double base = 0, candidate = 0;            ///< means, points
  double difference = 0, low = 0, high = 0;  ///< candidate - base, points
  double pass_low = 0;                       ///< lower bound of the 1 - 2 alpha interval
  double p_worse = 1, p_better = 1;
  std::int64_t num_lost = 0, num_gained = 0;  ///< items whose score fell, rose
};
/// Needs an item at least.
QualityEstimate estimate_quality(const PairedScores& scores, const QualityRule& rule);

Verdict judge_quality(const PairedScores& scores, const QualityEstimate& estimate,
                      const QualityRule& rule, double p_adjusted, std::string& reason);

}  // namespace dsabench::gate
