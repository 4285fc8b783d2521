#include "results/statistics/ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/base/error.h"

namespace dsabench::statistics {

DoubledRanks doubled_ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  DoubledRanks result;
  result.ranks.resize(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    // Ranks first + 1 to last + 1: their mean, times two.
    for (std::size_t i = first; i <= last; ++i) {
      result.ranks[order[i]] = static_cast<std::int64_t>(first + last + 2);
    }
    const auto tied = static_cast<double>(last - first + 1);
    result.tie_term += tied * tied * tied - tied;
    first = last + 1;
  }
  return result;
}

void require_finite(const char* what, std::span<const double> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      throw InvalidArgument(
          fmt::format("{}: expected finite values, got {} as number {}", what, values[i], i));
    }
  }
}

void require_open_unit(const char* what, double share) {
  if (!(share > 0 && share < 1)) {
    throw InvalidArgument(fmt::format("{} must lie between 0 and 1, got {}", what, share));
  }
}

double lower_tail(const Probabilities& probabilities, std::int64_t limit) {
  const auto size = static_cast<std::int64_t>(probabilities.size());
  double sum = 0;  // from the end, where the terms are smallest
  for (std::int64_t i = 0; i <= std::min(limit, size - 1); ++i) {
    sum += probabilities[static_cast<std::size_t>(i)];
  }
  return std::min(sum, 1.0);
}

double upper_tail(const Probabilities& probabilities, std::int64_t limit) {
  double sum = 0;
  for (auto i = static_cast<std::int64_t>(probabilities.size()) - 1;
       i >= std::max<std::int64_t>(limit, 0); --i) {
    sum += probabilities[static_cast<std::size_t>(i)];
  }
  return std::min(sum, 1.0);
}

}  // namespace dsabench::statistics
