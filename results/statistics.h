#pragma once
#include <cstdint>
#include <span>

namespace dsabench {

/// Derived from raw samples; all zero where there are none.
struct Summary {
  std::int64_t count = 0;
  double median = 0, mean = 0, stdev = 0, minimum = 0, maximum = 0;
  /// Distribution-free 95 % confidence interval of the median (order statistics, binomial); the
  /// extremes where there are too few samples for that level.
  double median_low = 0, median_high = 0;
};
Summary summarize(std::span<const std::int64_t> values);

/// Quantile by linear interpolation between order statistics (type 7); q in [0, 1].
double quantile(std::span<const std::int64_t> values, double q);

struct Interval {
  double low = 0, high = 0;
};
/// Wilson 95 % score interval of a mean of `count` values in [0, 1]: exact in form for right/wrong,
/// conservative for partial scores (their variance is at most p (1 - p)). [0, 1] where count is 0.
Interval wilson_interval(double mean, std::int64_t count);

}  // namespace dsabench
