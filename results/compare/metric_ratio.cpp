#include "results/compare/metric_ratio.h"

#include <cmath>

namespace dsabench::compare {

MedianRatio median_ratio(std::span<const std::int64_t> base,
                         std::span<const std::int64_t> candidate) {
  MedianRatio result{summarize(base), summarize(candidate), {}, {}};
  const Summary &b = result.base, &c = result.candidate;
  if (!(b.median > 0 && c.median > 0)) return result;
  result.ratio = c.median / b.median;
  if (b.count < 2 || c.count < 2 || !(b.median_low > 0 && c.median_low > 0)) return result;
  const double middle = std::log(*result.ratio);
  const double below =
      std::hypot(std::log(c.median / c.median_low), std::log(b.median_high / b.median));
  const double above =
      std::hypot(std::log(c.median_high / c.median), std::log(b.median / b.median_low));
  result.interval = Interval{std::exp(middle - below), std::exp(middle + above)};
  return result;
}

}  // namespace dsabench::compare
