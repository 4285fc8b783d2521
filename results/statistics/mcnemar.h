#pragma once
#include <cstdint>

#include "results/statistics.h"

namespace dsabench {

/// Exact McNemar test of paired right/wrong answers: under the null an item whose answer changed
/// was lost or gained with probability 1/2 each.
struct McNemarTest {
  double p_lost = 1;  ///< one-sided: more lost than gained
  double p_gained = 1;
  double p_two_sided = 1;
};
McNemarTest mcnemar_test(std::int64_t num_lost, std::int64_t num_gained);

/// 1 - alpha interval of a paired difference of proportions, candidate - base, in [-1, 1]:
/// Newcombe's hybrid score interval for paired data (method 10), of the four counts of items.
Interval paired_difference_interval(std::int64_t num_both, std::int64_t num_lost,
                                    std::int64_t num_gained, std::int64_t num_neither,
                                    double confidence);

}  // namespace dsabench
