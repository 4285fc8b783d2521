#include "results/statistics/rank_sum.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/base/error.h"
#include "results/statistics/order_statistic.h"
#include "results/statistics/ranks.h"

namespace dsabench {
namespace {

using statistics::Probabilities;

constexpr std::int64_t kMostExactPairs = 2500;

std::int64_t size_of(std::span<const double> values) {
  return static_cast<std::int64_t>(values.size());
}

void require_sides(const char* what, std::span<const double> x, std::span<const double> y) {
  statistics::require_finite(what, x);
  statistics::require_finite(what, y);
  if (x.empty() || y.empty()) {
    throw InvalidArgument(
        fmt::format("{}: expected values on both sides, got {} and {}", what, x.size(), y.size()));
  }
}

/// P(sum of `num_drawn` ranks drawn without replacement = i). Counts of subsets, all additions of
/// positive numbers, so that no tail loses digits; at most C(100, 50) of them.
Probabilities drawn_sum_probabilities(std::vector<std::int64_t> ranks, std::int64_t num_drawn) {
  std::sort(ranks.begin(), ranks.end());
  const std::int64_t largest =
      std::accumulate(ranks.end() - num_drawn, ranks.end(), std::int64_t{0});
  const auto drawn = static_cast<std::size_t>(num_drawn);
  const std::size_t width = static_cast<std::size_t>(largest) + 1;
  std::vector<Probabilities> counts(drawn + 1, Probabilities(width));
  counts[0][0] = 1;
  std::int64_t seen = 0, reached = 0;
  for (const std::int64_t rank : ranks) {
    const auto step = static_cast<std::size_t>(rank);
    reached = std::min(reached + rank, largest);  // the largest sum of ranks so far
    const std::size_t most = std::min<std::size_t>(static_cast<std::size_t>(++seen), drawn);
    for (std::size_t taken = most; taken > 0; --taken) {
      const Probabilities& from = counts[taken - 1];
      Probabilities& to = counts[taken];
      for (std::size_t sum = step; sum <= static_cast<std::size_t>(reached); ++sum) {
        to[sum] += from[sum - step];
      }
    }
  }
  Probabilities probabilities = std::move(counts[drawn]);
  const double total = std::accumulate(probabilities.begin(), probabilities.end(), 0.0);
  for (double& probability : probabilities) probability /= total;
  return probabilities;
}

/// Of the smaller side's rank sum, so that fewer are drawn.
void exact_p(RankSumTest& test, std::vector<std::int64_t> ranks, std::int64_t num_x,
             std::int64_t num_y) {
  if (std::all_of(ranks.begin(), ranks.end(), [](std::int64_t rank) { return rank % 2 == 0; })) {
    for (std::int64_t& rank : ranks) rank /= 2;
  }
  const bool draw_x = num_x <= num_y;
  const auto middle = ranks.begin() + num_x;
  const std::int64_t observed = draw_x ? std::accumulate(ranks.begin(), middle, std::int64_t{0})
                                       : std::accumulate(middle, ranks.end(), std::int64_t{0});
  const Probabilities null = drawn_sum_probabilities(std::move(ranks), std::min(num_x, num_y));
  test.p_greater = statistics::upper_tail(null, observed);
  test.p_less = statistics::lower_tail(null, observed);
  if (draw_x) std::swap(test.p_greater, test.p_less);  // small ranks of x are large ones of y
}

void normal_p(RankSumTest& test, double tie_term, double num_x, double num_y) {
  const double total = num_x + num_y, mean = num_x * num_y / 2;
  const double variance = num_x * num_y / 12 * (total + 1 - tie_term / (total * (total - 1)));
  test.exact = false;
  if (!(variance > 0)) return;  // all values equal: every p is 1
  const boost::math::normal normal;
  const double sd = std::sqrt(variance);
  test.p_greater = boost::math::cdf(boost::math::complement(normal, (test.u - mean - 0.5) / sd));
  test.p_less = boost::math::cdf(normal, (test.u - mean + 0.5) / sd);
}

/// The largest k with P(U <= k) <= tail for sides without ties, -1 where there is none, and that
/// probability.
std::pair<std::int64_t, double> largest_within(std::int64_t num_x, std::int64_t num_y,
                                               double tail) {
  const std::int64_t drawn = std::min(num_x, num_y);
  if (num_x * num_y <= kMostExactPairs) {
    std::vector<std::int64_t> ranks(static_cast<std::size_t>(num_x + num_y));
    std::iota(ranks.begin(), ranks.end(), std::int64_t{1});
    const Probabilities null = drawn_sum_probabilities(std::move(ranks), drawn);
    const std::int64_t smallest = drawn * (drawn + 1) / 2;  // the rank sum where U is 0
    double reached = 0;
    for (std::int64_t k = 0;; ++k) {
      const double next = reached + null[static_cast<std::size_t>(smallest + k)];
      if (!(next <= tail)) return {k - 1, reached};
      reached = next;
    }
  }
  const auto n = static_cast<double>(num_x), m = static_cast<double>(num_y);
  const double mean = n * m / 2, sd = std::sqrt(n * m * (n + m + 1) / 12);
  const boost::math::normal normal;
  const auto k =
      static_cast<std::int64_t>(std::floor(mean - 0.5 + sd * boost::math::quantile(normal, tail)));
  if (k < 0) return {-1, 0.0};
  return {k, boost::math::cdf(normal, (static_cast<double>(k) + 0.5 - mean) / sd)};
}

}  // namespace

RankSumTest rank_sum_test(std::span<const double> x, std::span<const double> y) {
  require_sides("rank_sum_test", x, y);
  std::vector<double> pooled(x.begin(), x.end());
  pooled.insert(pooled.end(), y.begin(), y.end());
  statistics::DoubledRanks doubled = statistics::doubled_ranks(pooled);
  const std::int64_t num_x = size_of(x), num_y = size_of(y);
  const std::int64_t rank_sum =
      std::accumulate(doubled.ranks.begin() + num_x, doubled.ranks.end(), std::int64_t{0});
  RankSumTest test;
  test.u = static_cast<double>(rank_sum - num_y * (num_y + 1)) / 2;
  if (num_x * num_y <= kMostExactPairs) {
    exact_p(test, std::move(doubled.ranks), num_x, num_y);
  } else {
    normal_p(test, doubled.tie_term, static_cast<double>(num_x), static_cast<double>(num_y));
  }
  test.p_two_sided = std::min(1.0, 2 * std::min(test.p_greater, test.p_less));
  return test;
}

LocationEstimate hodges_lehmann_shift(std::span<const double> x, std::span<const double> y,
                                      double confidence) {
  require_sides("hodges_lehmann_shift", x, y);
  statistics::require_open_unit("hodges_lehmann_shift: confidence", confidence);
  std::vector<double> low_side(x.begin(), x.end()), high_side(y.begin(), y.end());
  std::sort(low_side.begin(), low_side.end());
  std::sort(high_side.begin(), high_side.end());
  // As x grows, more of y lies within the limit of it.
  const auto count_at_most = [&](double limit) {
    std::int64_t count = 0;
    std::size_t within = 0;
    for (const double value : low_side) {
      while (within < high_side.size() && high_side[within] - value <= limit) ++within;
      count += static_cast<std::int64_t>(within);
    }
    return count;
  };
  const double smallest = high_side.front() - low_side.back();
  const double largest = high_side.back() - low_side.front();
  const std::int64_t num_x = size_of(x), num_y = size_of(y);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  LocationEstimate result{statistics::middle_of(num_x * num_y, smallest, largest, count_at_most),
                          -kInfinity, kInfinity, 1};
  const auto [cut, tail] = largest_within(num_x, num_y, (1 - confidence) / 2);
  if (cut < 0) return result;
  result.low = statistics::kth_smallest(cut + 1, smallest, largest, count_at_most);
  result.high = statistics::kth_smallest(num_x * num_y - cut, smallest, largest, count_at_most);
  result.confidence = 1 - 2 * tail;
  return result;
}

double smallest_rank_sum_p(std::int64_t num_x, std::int64_t num_y) {
  if (num_x < 1 || num_y < 1) {
    throw InvalidArgument(fmt::format(
        "smallest_rank_sum_p: expected values on both sides, got {} and {}", num_x, num_y));
  }
  // C(n + m, n) = 1 / ((n + m + 1) B(n + 1, m + 1)): no overflow for any size.
  const auto n = static_cast<double>(num_x), m = static_cast<double>(num_y);
  return std::min(1.0, (n + m + 1) * boost::math::beta(n + 1, m + 1));
}

}  // namespace dsabench
