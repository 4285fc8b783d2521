#pragma once
/// Order statistics of values too many to list, such as all pairs of a sample. Private to results/.
#include <bit>
#include <cstdint>

namespace dsabench::statistics {

/// Doubles as whole numbers in the same order (no NaN).
inline std::int64_t ordered_bits(double value) {
  const auto bits = std::bit_cast<std::int64_t>(value);
  return bits >= 0 ? bits : static_cast<std::int64_t>(0x8000000000000000u) - bits;
}
inline double from_ordered_bits(std::int64_t ordered) {
  return std::bit_cast<double>(
      ordered >= 0 ? ordered : static_cast<std::int64_t>(0x8000000000000000u) - ordered);
}

/// The k-th smallest, k from 1, of values in [low, high]; `count_at_most(t)` says how many are <=
/// t. Exact, by bisection over the doubles themselves: at most 64 counts.
template <class CountAtMost>
double kth_smallest(std::int64_t k, double low, double high, const CountAtMost& count_at_most) {
  std::int64_t below = ordered_bits(low), above = ordered_bits(high);
  while (below < above) {
    const std::int64_t middle = (below & above) + ((below ^ above) >> 1);  // no overflow
    if (count_at_most(from_ordered_bits(middle)) >= k) {
      above = middle;
    } else {
      below = middle + 1;
    }
  }
  return from_ordered_bits(below);
}

/// The median of `count` values from the same function.
template <class CountAtMost>
double middle_of(std::int64_t count, double low, double high, const CountAtMost& count_at_most) {
  const double lower = kth_smallest((count + 1) / 2, low, high, count_at_most);
  if (count % 2 == 1) return lower;
  return lower / 2 + kth_smallest(count / 2 + 1, low, high, count_at_most) / 2;
}

}  // namespace dsabench::statistics
