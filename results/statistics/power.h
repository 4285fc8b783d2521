#pragma once
#include <cstdint>

namespace dsabench {

/// The smallest slowdown (0.03: 3 %) that `num_pairs` pairs show with probability `power` in a
/// one-sided signed-rank test at `alpha` whose lower bound must also lie above zero: normal noise of
/// log ratios with standard deviation `sd`, efficiency 3/pi of the test (Lehmann). Infinite where the
/// pairs are too few for `alpha` at all.
double detectable_slowdown(double sd, std::int64_t num_pairs, double alpha, double power);

}  // namespace dsabench
