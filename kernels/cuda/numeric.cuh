#pragma once
/// Storage formats inside kernels, bit for bit those of kernels/base/float_formats.h. In place of
/// cuda_bf16.h and cuda_fp8.h, which cost seconds of every compilation.
#include <cstdint>

namespace dsabench::cuda {

struct Bf16 {
  std::uint16_t bits;
};
struct E4m3 {
  std::uint8_t bits;
};

__device__ __forceinline__ float to_float(float value) { return value; }
__device__ __forceinline__ float to_float(Bf16 value) {
  return __uint_as_float(static_cast<std::uint32_t>(value.bits) << 16);
}
__device__ __forceinline__ float to_float(E4m3 value) {
  const std::uint32_t magnitude = value.bits & 0x7fu;
  // The exponent's bias differs by 120, for subnormal codes too.
  const float number = __uint_as_float(magnitude << 20) * 0x1p120f;
  const std::uint32_t bits = magnitude == 0x7fu ? 0x7fc00000u : __float_as_uint(number);
  return __uint_as_float(bits | (static_cast<std::uint32_t>(value.bits & 0x80u) << 24));
}

__device__ __forceinline__ void store(float& to, float value) { to = value; }
__device__ __forceinline__ void store(Bf16& to, float value) {
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(to.bits) : "f"(value));
}

/// Nearest e4m3 code, ties to even, saturating at +-448; NaN stays NaN.
__device__ __forceinline__ std::uint8_t float_to_e4m3(float value) {
  const std::uint32_t bits = __float_as_uint(value);
  const float magnitude = fabsf(value);
  std::uint32_t code = 0;
  if (magnitude < 0x1p-6f) {
    code = __float_as_uint(magnitude + 0x1p14f) - __float_as_uint(0x1p14f);
  } else if (magnitude < 448.0f) {
    const std::uint32_t low = bits & 0x7fffffffu;
    code = ((low + 0x7ffffu + (low >> 20 & 1u)) >> 20) - (120u << 3);
  } else {
    code = isnan(value) ? 0x7fu : 0x7eu;
  }
  return static_cast<std::uint8_t>((bits >> 24 & 0x80u) | code);
}

/// An integer that orders as the numbers do: NaN below every number, 0 and -0 equal.
__device__ __forceinline__ std::uint32_t ordered_bits(float value) {
  if (isnan(value)) return 0;
  const std::uint32_t bits = __float_as_uint(value + 0.0f);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}
/// The number behind ordered_bits.
__device__ __forceinline__ float ordered_value(std::uint32_t order) {
  if (order == 0) return __uint_as_float(0x7fc00000u);
  return __uint_as_float((order & 0x80000000u) != 0 ? order ^ 0x80000000u : ~order);
}

__device__ __forceinline__ float quiet_nan() { return __uint_as_float(0x7fc00000u); }

}  // namespace dsabench::cuda
