#include "results/statistics.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <vector>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

std::vector<std::int64_t> sorted_copy(std::span<const std::int64_t> values) {
  std::vector<std::int64_t> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

double sorted_quantile(const std::vector<std::int64_t>& sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const auto low = static_cast<double>(sorted[below]);
  const auto high = static_cast<double>(sorted[above]);
  return low + (high - low) * (position - static_cast<double>(below));
}

/// How many order statistics may be cut from each end so that what remains covers the median with
/// at least 95 %: the largest k with P(Binomial(n, 1/2) < k) <= 2.5 %.
std::size_t median_interval_cut(std::size_t count) {
  constexpr double kTail = 0.025;
  const boost::math::binomial distribution(static_cast<double>(count), 0.5);
  std::size_t low = 0, high = count / 2;  // the median's own tail is far above 2.5 %
  while (low < high) {
    const std::size_t middle = (low + high + 1) / 2;
    if (boost::math::cdf(distribution, static_cast<double>(middle - 1)) <= kTail) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

}  // namespace

Summary summarize(std::span<const std::int64_t> values) {
  Summary summary;
  if (values.empty()) return summary;
  const std::vector<std::int64_t> sorted = sorted_copy(values);
  const auto count = static_cast<double>(sorted.size());
  summary.count = static_cast<std::int64_t>(sorted.size());
  summary.minimum = static_cast<double>(sorted.front());
  summary.maximum = static_cast<double>(sorted.back());
  summary.median = sorted_quantile(sorted, 0.5);
  double sum = 0;
  for (const std::int64_t value : sorted) sum += static_cast<double>(value);
  summary.mean = sum / count;
  double squares = 0;
  for (const std::int64_t value : sorted) {
    const double deviation = static_cast<double>(value) - summary.mean;
    squares += deviation * deviation;
  }
  summary.stdev = sorted.size() > 1 ? std::sqrt(squares / (count - 1)) : 0.0;
  const std::size_t cut = median_interval_cut(sorted.size());
  const std::size_t first = cut == 0 ? 0 : cut - 1;
  summary.median_low = static_cast<double>(sorted[first]);
  summary.median_high = static_cast<double>(sorted[sorted.size() - 1 - first]);
  return summary;
}

double quantile(std::span<const std::int64_t> values, double q) {
  if (!(q >= 0.0 && q <= 1.0)) {
    throw InvalidArgument("quantile: q must lie in [0, 1], got " + std::to_string(q));
  }
  return values.empty() ? 0.0 : sorted_quantile(sorted_copy(values), q);
}

Interval wilson_interval(double mean, std::int64_t count) {
  if (count <= 0) return {0.0, 1.0};
  constexpr double kZ = 1.959963984540054;  // 97.5 % quantile of the normal distribution
  const auto n = static_cast<double>(count);
  const double denominator = 1.0 + kZ * kZ / n;
  const double center = (mean + kZ * kZ / (2 * n)) / denominator;
  const double half =
      kZ / denominator * std::sqrt(std::max(0.0, mean * (1 - mean) / n) + kZ * kZ / (4 * n * n));
  return {std::max(0.0, center - half), std::min(1.0, center + half)};
}

}  // namespace dsabench
