#pragma once
/// Private to results/.
#include <cstdint>
#include <optional>
#include <span>

#include "results/statistics.h"

namespace dsabench::compare {

/// candidate / base of two medians.
struct MedianRatio {
  Summary base, candidate;
  std::optional<double> ratio;       ///< absent where a median is not positive
  std::optional<Interval> interval;  ///< absent there too, and for single samples
};

/// With a 95 % interval from the order-statistics intervals of both medians, put together on the
/// log scale (MOVER; Zou and Donner 2008): no shape of the noise is assumed, independence of the
/// samples is.
MedianRatio median_ratio(std::span<const std::int64_t> base,
                         std::span<const std::int64_t> candidate);

}  // namespace dsabench::compare
