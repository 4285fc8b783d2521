#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "tests/support/catch.h"

namespace dsabench::test {

/// Fails unless `selected` is a top-k selection of `scores` up to rounding: min(k, n) distinct
/// positions in ascending order, and no position left out that beats a selected one by more than
/// `tolerance`, in the scores' own unit.
inline void check_selection(const std::vector<std::int32_t>& selected,
                            std::span<const double> scores, std::int64_t top_k, double tolerance) {
  const std::int64_t keys = std::ssize(scores);
  REQUIRE(std::ssize(selected) == std::min(top_k, keys));
  std::vector<bool> chosen(scores.size());
  std::int32_t previous = -1;
  double worst_selected = std::numeric_limits<double>::infinity();
  for (const std::int32_t position : selected) {
    REQUIRE(position > previous);
    REQUIRE(position < keys);
    previous = position;
    chosen[static_cast<std::size_t>(position)] = true;
    worst_selected = std::min(worst_selected, scores[static_cast<std::size_t>(position)]);
  }
  double best_left_out = -std::numeric_limits<double>::infinity();
  for (std::size_t s = 0; s < scores.size(); ++s) {
    if (!chosen[s]) best_left_out = std::max(best_left_out, scores[s]);
  }
  CAPTURE(worst_selected, best_left_out, tolerance);
  CHECK_FALSE(!(best_left_out <= worst_selected + tolerance));
}

inline double largest_magnitude(std::span<const double> scores) {
  double largest = 0.0;
  for (const double score : scores) largest = std::max(largest, std::fabs(score));
  return largest;
}

}  // namespace dsabench::test
