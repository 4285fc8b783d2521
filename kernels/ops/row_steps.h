#pragma once
/// One row of the row-wise operators on the CPU, for these and for those that fuse several of them.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/base/float_formats.h"
#include "kernels/ops/rope.h"
#include "kernels/simd/vector_math.h"

namespace dsabench::ops::detail {

inline void rms_norm_row(const VectorMath& math, const float* x, const float* weight, float eps,
                         std::int64_t dim, float* out) {
  const float mean_square = math.sum_squares(x, 0.0f, dim) / static_cast<float>(dim);
  math.normalize(out, x, 0.0f, 1.0f / std::sqrt(mean_square + eps), weight, nullptr, dim);
}

inline void layer_norm_row(const VectorMath& math, const float* x, const float* weight,
                           const float* bias, float eps, std::int64_t dim, float* out) {
  const float mean = math.sum(x, dim) / static_cast<float>(dim);
  const float variance = math.sum_squares(x, mean, dim) / static_cast<float>(dim);
  math.normalize(out, x, mean, 1.0f / std::sqrt(variance + eps), weight, bias, dim);
}

/// In place.
inline void rope_row(float* x, RopeLayout layout, const float* cos, const float* sin,
                     std::int64_t pairs) {
  const auto rotate = [&](float* a, float* b, std::int64_t step) {
    for (std::int64_t i = 0; i < pairs; ++i) {
      const float first = a[i * step], second = b[i * step];
      a[i * step] = first * cos[i] - second * sin[i];
      b[i * step] = second * cos[i] + first * sin[i];
    }
  };
  if (layout == RopeLayout::interleaved) {
    rotate(x, x + 1, 2);
  } else {
    rotate(x, x + pairs, 1);
  }
}

/// In place.
inline void hadamard_row(const VectorMath& math, float* x, std::int64_t dim) {
  for (std::int64_t half = 1; half < dim; half *= 2) {
    for (std::int64_t begin = 0; begin < dim; begin += 2 * half) {
      for (std::int64_t i = begin; i < begin + half; ++i) {
        const float a = x[i], b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
    }
  }
  math.scale(x, 1.0f / std::sqrt(static_cast<float>(dim)), dim);
}

/// Exactly 2^ceil(log2(magnitude / 448)): with magnitude = m * 2^e, m in [1/2, 1), and
/// 448 = 7/8 * 2^9, the quotient is at most 2^(e - 9) where m <= 7/8.
inline float power_of_two_scale(float magnitude) {
  int exponent = 0;
  const float mantissa = std::frexp(magnitude, &exponent);
  return std::ldexp(1.0f, mantissa <= 0.875f ? exponent - 9 : exponent - 8);
}

/// One block of quantize_fp8; returns its scale.
inline float quantize_row(const float* x, std::int64_t n, bool power_of_two, std::uint8_t* out) {
  float magnitude = 1e-4f;
  bool finite = true;
  for (std::int64_t i = 0; i < n; ++i) {
    magnitude = std::max(magnitude, std::fabs(x[i]));
    finite &= std::fabs(x[i]) <= std::numeric_limits<float>::max();
  }
  float scale = power_of_two ? power_of_two_scale(magnitude) : magnitude / kE4m3Max;
  if (!finite) scale = std::numeric_limits<float>::quiet_NaN();
  for (std::int64_t i = 0; i < n; ++i) out[i] = f32_to_e4m3(x[i] / scale);
  return scale;
}

}  // namespace dsabench::ops::detail
