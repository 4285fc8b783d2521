#pragma once
#include <cmath>
#include <optional>

namespace dsabench::test {

/// Whether two numbers are equal but for the last digits: by the share `tolerance` of the expected.
inline bool is_close(double actual, double expected, double tolerance = 1e-9) {
  return std::abs(actual - expected) <= tolerance * std::abs(expected);
}
inline bool is_close(const std::optional<double>& actual, double expected) {
  return actual && is_close(*actual, expected);
}

}  // namespace dsabench::test
