#pragma once
#include <cstdint>
#include <span>

namespace dsabench {

/// Wilcoxon's signed-rank test of paired differences.
struct SignedRankTest {
  std::int64_t num_pairs = 0;
  std::int64_t num_nonzero = 0;  ///< zeros are left out (Wilcoxon 1945)
  double positive_ranks = 0;     ///< W+: sum of the ranks of positive differences, ties averaged
  double p_greater = 1;          ///< one-sided: differences tend to be above zero
  double p_less = 1;
  double p_two_sided = 1;  ///< twice the smaller, at most 1
  bool exact = true;       ///< from the permutation distribution (with ties); else normal
};
/// Exact for up to 400 nonzero differences, tie-corrected normal beyond. All p are 1 where every
/// difference is zero. Throws InvalidArgument for a value that is not finite.
SignedRankTest signed_rank_test(std::span<const double> differences);

/// The smallest one-sided p that n pairs can give: 2^-n.
double smallest_signed_rank_p(std::int64_t num_pairs);
/// The fewest pairs whose smallest one-sided p is below `alpha`, in (0, 1).
std::int64_t fewest_pairs(double alpha);

/// An estimate of location with its interval; the ends are infinite where `confidence` cannot be
/// reached with so few values.
struct LocationEstimate {
  double estimate = 0, low = 0, high = 0;
  double confidence = 0;  ///< that the interval reaches: at least what was asked for
};
/// Hodges-Lehmann estimate of paired differences: the median of their Walsh averages, with the
/// interval that inverts the signed-rank test (Hollander and Wolfe). On log ratios, exp() of the
/// three is a ratio with its interval. Needs at least one value, confidence in (0, 1).
LocationEstimate hodges_lehmann(std::span<const double> differences, double confidence);

}  // namespace dsabench
