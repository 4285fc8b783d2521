#include "results/statistics/mcnemar.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>

#include "kernels/base/error.h"
#include "results/statistics/ranks.h"

namespace dsabench {
namespace {

void require_count(const char* what, std::int64_t count) {
  if (count < 0) throw InvalidArgument(fmt::format("{}: expected 0 or more, got {}", what, count));
}

/// P(Binomial(n, 1/2) >= k).
double upper_half(std::int64_t k, std::int64_t n) {
  if (k <= 0) return 1;
  const boost::math::binomial coins(static_cast<double>(n), 0.5);
  return boost::math::cdf(boost::math::complement(coins, static_cast<double>(k - 1)));
}

/// Wilson's score interval of a proportion.
Interval score_interval(double p, double n, double z) {
  const double denominator = 1 + z * z / n, center = (p + z * z / (2 * n)) / denominator;
  const double half = z / denominator * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return {std::max(0.0, center - half), std::min(1.0, center + half)};
}

/// Correlation of the two answers, with Newcombe's continuity correction where it is positive.
double corrected_phi(double both, double lost, double gained, double neither) {
  const double n = both + lost + gained + neither;
  double numerator = both * neither - lost * gained;
  if (numerator > 0) numerator = std::max(numerator - n / 2, 0.0);
  const double margins = (both + lost) * (gained + neither) * (both + gained) * (lost + neither);
  return margins > 0 ? numerator / std::sqrt(margins) : 0.0;
}

}  // namespace

McNemarTest mcnemar_test(std::int64_t num_lost, std::int64_t num_gained) {
  require_count("mcnemar_test: items lost", num_lost);
  require_count("mcnemar_test: items gained", num_gained);
  const std::int64_t changed = num_lost + num_gained;
  McNemarTest test;
  test.p_lost = upper_half(num_lost, changed);
  test.p_gained = upper_half(num_gained, changed);
  test.p_two_sided = std::min(1.0, 2 * std::min(test.p_lost, test.p_gained));
  return test;
}

Interval paired_difference_interval(std::int64_t num_both, std::int64_t num_lost,
                                    std::int64_t num_gained, std::int64_t num_neither,
                                    double confidence) {
  statistics::require_open_unit("paired_difference_interval: confidence", confidence);
  for (const std::int64_t count : {num_both, num_lost, num_gained, num_neither}) {
    require_count("paired_difference_interval: items", count);
  }
  const auto both = static_cast<double>(num_both), lost = static_cast<double>(num_lost);
  const auto gained = static_cast<double>(num_gained), neither = static_cast<double>(num_neither);
  const double n = both + lost + gained + neither;
  if (n == 0) return {-1, 1};
  const double z =
      boost::math::quantile(boost::math::complement(boost::math::normal(), (1 - confidence) / 2));
  const double base = (both + lost) / n, candidate = (both + gained) / n;
  const Interval base_interval = score_interval(base, n, z);
  const Interval candidate_interval = score_interval(candidate, n, z);
  const double phi = corrected_phi(both, lost, gained, neither);
  const auto together = [&](double a, double b) {
    return std::sqrt(std::max(0.0, a * a - 2 * phi * a * b + b * b));
  };
  const double difference = candidate - base;
  const double below = together(candidate - candidate_interval.low, base_interval.high - base);
  const double above = together(candidate_interval.high - candidate, base - base_interval.low);
  return {std::max(-1.0, difference - below), std::min(1.0, difference + above)};
}

}  // namespace dsabench
