#pragma once
/// Walsh averages (x_i + x_j) / 2, i <= j, and the null distribution of the signed-rank statistic
/// that counts them. Private to results/.
#include <cstdint>
#include <span>
#include <vector>

#include "results/statistics/ranks.h"

namespace dsabench::statistics {

/// Signed-rank distributions are exact up to so many values.
inline constexpr std::int64_t kMostExactPairs = 400;

/// P(sum of the ranks with a positive sign = i), signs independent and fair.
Probabilities signed_sum_probabilities(std::span<const std::int64_t> ranks);

/// The signed-rank statistic W+ of `num_pairs` values without ties, under the null.
class SignedRankNull {
 public:
  explicit SignedRankNull(std::int64_t num_pairs);
  double at_most(std::int64_t limit) const;  ///< P(W+ <= limit)
  /// The largest k with P(W+ <= k) <= tail, or < tail where `strictly`; -1 where there is none.
  std::int64_t largest_within(double tail, bool strictly = false) const;

 private:
  std::int64_t num_pairs_;
  Probabilities cumulative_;  ///< empty: normal
};
/// Made once for each number of pairs: simulations ask for the same ones thousands of times.
const SignedRankNull& signed_rank_null(std::int64_t num_pairs);

/// Order statistics of the Walsh averages of `sorted`, ascending, not empty.
class WalshAverages {
 public:
  explicit WalshAverages(std::span<const double> sorted) : sorted_(sorted) {}
  std::int64_t count() const;
  double kth(std::int64_t k) const;  ///< smallest: 1
  double median() const;

 private:
  std::int64_t count_at_most(double limit) const;
  std::span<const double> sorted_;
};

}  // namespace dsabench::statistics
