#include "results/statistics/signed_rank.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/base/error.h"
#include "results/statistics/ranks.h"
#include "results/statistics/walsh.h"

namespace dsabench {
namespace {

using statistics::DoubledRanks;
using statistics::Probabilities;

/// `doubled`: ranks times two, as `positive` is their sum.
void exact_p(SignedRankTest& test, const DoubledRanks& doubled, std::int64_t positive) {
  if (doubled.tie_term == 0) {
    const statistics::SignedRankNull& null = statistics::signed_rank_null(test.num_nonzero);
    const std::int64_t total = test.num_nonzero * (test.num_nonzero + 1) / 2;
    test.p_greater = null.at_most(total - positive / 2);  // W+ and W- are distributed alike
    test.p_less = null.at_most(positive / 2);
    return;
  }
  const Probabilities null = statistics::signed_sum_probabilities(doubled.ranks);
  test.p_greater = statistics::upper_tail(null, positive);
  test.p_less = statistics::lower_tail(null, positive);
}

/// With continuity correction.
void normal_p(SignedRankTest& test, double tie_term) {
  const auto n = static_cast<double>(test.num_nonzero);
  const double mean = n * (n + 1) / 4;
  const double sd = std::sqrt(n * (n + 1) * (2 * n + 1) / 24 - tie_term / 48);
  const boost::math::normal normal;
  test.exact = false;
  test.p_greater =
      boost::math::cdf(boost::math::complement(normal, (test.positive_ranks - mean - 0.5) / sd));
  test.p_less = boost::math::cdf(normal, (test.positive_ranks - mean + 0.5) / sd);
}

}  // namespace

SignedRankTest signed_rank_test(std::span<const double> differences) {
  statistics::require_finite("signed_rank_test", differences);
  SignedRankTest test;
  test.num_pairs = static_cast<std::int64_t>(differences.size());
  std::vector<double> sizes;
  std::vector<bool> positive;
  for (const double difference : differences) {
    if (difference == 0) continue;
    sizes.push_back(std::abs(difference));
    positive.push_back(difference > 0);
  }
  test.num_nonzero = static_cast<std::int64_t>(sizes.size());
  if (sizes.empty()) return test;
  const DoubledRanks doubled = statistics::doubled_ranks(sizes);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) sum += positive[i] ? doubled.ranks[i] : 0;
  test.positive_ranks = static_cast<double>(sum) / 2;
  if (test.num_nonzero <= statistics::kMostExactPairs) {
    exact_p(test, doubled, sum);
  } else {
    normal_p(test, doubled.tie_term);
  }
  test.p_two_sided = std::min(1.0, 2 * std::min(test.p_greater, test.p_less));
  return test;
}

double smallest_signed_rank_p(std::int64_t num_pairs) {
  if (num_pairs < 0) {
    throw InvalidArgument(
        fmt::format("smallest_signed_rank_p: expected 0 pairs or more, got {}", num_pairs));
  }
  constexpr std::int64_t kUnderflow = 2000;  // ldexp takes an int
  return std::ldexp(1.0, -static_cast<int>(std::min(num_pairs, kUnderflow)));
}

std::int64_t fewest_pairs(double alpha) {
  statistics::require_open_unit("fewest_pairs: alpha", alpha);
  std::int64_t num_pairs = 1;
  while (!(smallest_signed_rank_p(num_pairs) < alpha)) ++num_pairs;
  return num_pairs;
}

LocationEstimate hodges_lehmann(std::span<const double> differences, double confidence) {
  statistics::require_finite("hodges_lehmann", differences);
  statistics::require_open_unit("hodges_lehmann: confidence", confidence);
  if (differences.empty()) {
    throw InvalidArgument("hodges_lehmann: expected at least one value, got none");
  }
  std::vector<double> sorted(differences.begin(), differences.end());
  std::sort(sorted.begin(), sorted.end());
  const statistics::WalshAverages averages(sorted);
  const statistics::SignedRankNull& null =
      statistics::signed_rank_null(static_cast<std::int64_t>(sorted.size()));
  const std::int64_t cut = null.largest_within((1 - confidence) / 2);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  LocationEstimate result{averages.median(), -kInfinity, kInfinity, 1};
  if (cut < 0) return result;
  result.low = averages.kth(cut + 1);
  result.high = averages.kth(averages.count() - cut);
  result.confidence = 1 - 2 * null.at_most(cut);
  return result;
}

}  // namespace dsabench
