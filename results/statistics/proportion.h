#pragma once
#include <cstdint>

#include "results/statistics.h"

namespace dsabench {

/// Clopper and Pearson's exact interval of a proportion; [0, 1] where `count` is 0.
Interval clopper_pearson_interval(std::int64_t successes, std::int64_t count, double confidence);

}  // namespace dsabench
