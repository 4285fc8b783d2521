#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace dsabench {

/// A place in a series from which on its level is another.
struct ChangePoint {
  std::int64_t position = 0;     ///< of the first value of the new level
  double before = 0, after = 0;  ///< medians of the two stretches beside it
  double p = 1;                  ///< of the permutation test that found it
};
struct ChangePointOptions {
  double alpha = 0.01;
  std::int64_t shortest = 3;  ///< values in a stretch
  std::int64_t num_permutations = 999;
  std::uint64_t seed = 1;
};
/// Binary segmentation: the split with the largest E-divisive distance between the two sides'
/// distributions (Matteson and James 2014) is kept where fewer than `alpha` of the seeded
/// permutations reach it, and both sides are searched again. By position.
std::vector<ChangePoint> find_change_points(std::span<const double> values,
                                            const ChangePointOptions& options = {});

}  // namespace dsabench
