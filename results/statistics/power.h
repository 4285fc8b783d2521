#pragma once
#include <cstdint>

namespace dsabench {

/// The smallest slowdown (0.03: 3 %) that `num_pairs` pairs show with probability `power`: a
/// one-sided signed-rank test with p < alpha, so that the lower bound of its 1 - 2 alpha interval
/// lies above zero, and a Hodges-Lehmann estimate beyond `margin`. Noise of log ratios is normal
/// with standard deviation `sd`. Up to 100 pairs of seeded draws (their power is within 1 % of the
/// one asked for), as small samples are far from any formula; beyond, of the test's efficiency 3 /
/// pi (Lehmann). Infinite where the pairs are too few for `alpha` at all. The draws of a number of
/// pairs and an alpha are kept for the next call; safe from several threads. Throws InvalidArgument
/// for alpha or power outside (0, 1), and sd or margin that are negative or not finite.
double detectable_slowdown(double sd, std::int64_t num_pairs, double alpha, double power,
                           double margin = 0);

}  // namespace dsabench
