#include "results/statistics/proportion.h"

#include <fmt/format.h>

#include <boost/math/special_functions/beta.hpp>

#include "kernels/base/error.h"
#include "results/statistics/ranks.h"

namespace dsabench {

Interval clopper_pearson_interval(std::int64_t successes, std::int64_t count, double confidence) {
  statistics::require_open_unit("clopper_pearson_interval: confidence", confidence);
  if (count < 0 || successes < 0 || successes > count) {
    throw InvalidArgument(
        fmt::format("clopper_pearson_interval: expected 0 <= successes <= count, got {} of {}",
                    successes, count));
  }
  const double tail = (1 - confidence) / 2;
  const auto k = static_cast<double>(successes), n = static_cast<double>(count);
  Interval interval{0, 1};
  if (successes > 0) interval.low = boost::math::ibeta_inv(k, n - k + 1, tail);
  if (successes < count) interval.high = boost::math::ibetac_inv(k + 1, n - k, tail);
  return interval;
}

}  // namespace dsabench
