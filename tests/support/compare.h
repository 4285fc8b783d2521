#pragma once
/// Comparison of results with a double-precision reference. NaN never passes unseen: an error that
/// is NaN, or a NaN or infinity on one side alone, counts as infinite.
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/tensor_view.h"
#include "tests/support/catch.h"

namespace dsabench::test {

/// The worst difference between two sequences.
struct Comparison {
  double max_abs = 0.0;         ///< max |actual - expected|
  double max_normalized = 0.0;  ///< max_abs / max(|expected|), or max_abs where that is 0
  std::int64_t worst = -1;      ///< index of the largest difference
  double actual = 0.0, expected = 0.0;
  std::int64_t count = 0;

  std::string describe() const {
    return fmt::format(
        "max abs error {:.3g}, normalised {:.3g}, worst at {} of {}: got {:.9g}, want {:.9g}",
        max_abs, max_normalized, worst, count, actual, expected);
  }
};

inline double difference(double actual, double expected) {
  if (actual == expected) return 0.0;  // equal infinities too
  if (std::isnan(actual) && std::isnan(expected)) return 0.0;
  const double error = std::fabs(actual - expected);
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
}

/// The logical elements of a view, row-major, as doubles. f32, i32 and i64.
inline std::vector<double> to_doubles(ConstTensorView view) {
  std::vector<double> values;
  const std::int64_t count = view.num_elements();
  values.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t rest = i, offset = 0;
    for (int d = view.rank() - 1; d >= 0; --d) {
      offset += rest % view.dim(d) * view.stride(d);
      rest /= view.dim(d);
    }
    switch (view.dtype()) {
      case DType::f32:
        values.push_back(view.data<float>()[offset]);
        break;
      case DType::i32:
        values.push_back(view.data<std::int32_t>()[offset]);
        break;
      case DType::i64:
        values.push_back(static_cast<double>(view.data<std::int64_t>()[offset]));
        break;
      default:
        throw InvalidArgument("to_doubles: " + view.shape_string());
    }
  }
  return values;
}

inline Comparison compare(std::span<const double> actual, std::span<const double> expected) {
  if (actual.size() != expected.size()) {
    throw InvalidArgument(
        fmt::format("compare: {} values with {}", actual.size(), expected.size()));
  }
  Comparison result;
  result.count = static_cast<std::int64_t>(expected.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (std::isfinite(expected[i])) largest = std::max(largest, std::fabs(expected[i]));
    const double error = difference(actual[i], expected[i]);
    if (result.worst < 0 || error > result.max_abs) {
      result.max_abs = error;
      result.worst = static_cast<std::int64_t>(i);
      result.actual = actual[i];
      result.expected = expected[i];
    }
  }
  result.max_normalized = largest > 0.0 ? result.max_abs / largest : result.max_abs;
  return result;
}

inline Comparison compare(ConstTensorView actual, std::span<const double> expected) {
  return compare(to_doubles(actual), expected);
}
inline Comparison compare(ConstTensorView actual, ConstTensorView expected) {
  return compare(to_doubles(actual), to_doubles(expected));
}

/// Fails the test where the normalised error exceeds `tolerance`.
template <class Expected>
void check_close(ConstTensorView actual, const Expected& expected, double tolerance) {
  const Comparison result = compare(actual, expected);
  INFO(result.describe() << ", tolerance " << tolerance);
  CHECK(result.max_normalized <= tolerance);
}

}  // namespace dsabench::test
