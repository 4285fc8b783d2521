#pragma once
/// The scales of quantize_fp8, on CUDA.

namespace dsabench::ops::detail {

inline constexpr float kMinFp8Magnitude = 1e-4f;

/// Exactly 2^ceil(log2(magnitude / 448)); see row_steps.h.
__device__ __forceinline__ float power_of_two_scale(float magnitude) {
  int exponent = 0;
  const float mantissa = frexpf(magnitude, &exponent);
  return ldexpf(1.0f, mantissa <= 0.875f ? exponent - 9 : exponent - 8);
}

}  // namespace dsabench::ops::detail
