#pragma once
#include <span>

#include "results/statistics/signed_rank.h"

namespace dsabench {

/// Mann-Whitney's test of two independent samples.
struct RankSumTest {
  double u = 0;          ///< pairs (x, y) with y > x, ties counting one half
  double p_greater = 1;  ///< one-sided: y tends to be above x
  double p_less = 1;
  double p_two_sided = 1;
  bool exact = true;  ///< from the permutation distribution, with ties; else normal
};
/// Exact for x.size() * y.size() <= 2500, tie-corrected normal with continuity correction beyond.
/// Throws InvalidArgument for an empty side and values that are not finite.
RankSumTest rank_sum_test(std::span<const double> x, std::span<const double> y);

/// Hodges-Lehmann shift: the median of all y - x, with the interval that inverts the rank-sum test.
LocationEstimate hodges_lehmann_shift(std::span<const double> x, std::span<const double> y,
                                      double confidence);

/// The smallest one-sided p that sides of these sizes can give: 1 / C(n + m, n).
double smallest_rank_sum_p(std::int64_t num_x, std::int64_t num_y);

}  // namespace dsabench
