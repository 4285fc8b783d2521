#pragma once
/// Scalar conversions between float and the storage formats, bit-exact and without lookup state.
/// All conversions from float round to nearest, ties to even.
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace dsabench {

inline constexpr float kE4m3Max = 448.0f;

inline float bf16_to_f32(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

inline std::uint16_t f32_to_bf16(float value) {
  std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {  // keep NaN a NaN: rounding could carry into infinity
    return static_cast<std::uint16_t>((bits >> 16) | 0x0040u);
  }
  bits += 0x7fffu + ((bits >> 16) & 1u);
  return static_cast<std::uint16_t>(bits >> 16);
}

inline float f16_to_f32(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const int mantissa = bits & 0x3ff;
  float magnitude = 0.0f;
  if (exponent == 0x1f) {
    magnitude = mantissa == 0 ? std::numeric_limits<float>::infinity()
                              : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(mantissa), -24);
  } else {
    magnitude = std::ldexp(static_cast<float>(mantissa | 0x400), exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

inline float e4m3_to_f32(std::uint8_t bits) {
  const int exponent = (bits >> 3) & 0xf;
  const int mantissa = bits & 7;
  float magnitude = 0.0f;
  if (exponent == 0xf && mantissa == 7) {
    magnitude = std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(mantissa), -9);
  } else {
    magnitude = std::ldexp(static_cast<float>(mantissa | 8), exponent - 10);
  }
  return (bits & 0x80) != 0 ? -magnitude : magnitude;
}

/// Saturates at +-448; NaN stays NaN. Without branches on normal values: it runs once an element.
inline std::uint8_t f32_to_e4m3(float value) {
  constexpr float kMinNormal = 0x1p-6f;
  constexpr float kSubnormalRound = 0x1p14f;  // its last mantissa bit weighs 2^-9, as a unit here
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint8_t>(bits >> 24 & 0x80u);
  const float magnitude = std::fabs(value);
  std::uint32_t code = 0;
  if (magnitude < kMinNormal) {
    code = std::bit_cast<std::uint32_t>(magnitude + kSubnormalRound) -
           std::bit_cast<std::uint32_t>(kSubnormalRound);  // 8 units carry into the normal codes
  } else if (magnitude < kE4m3Max) {
    const std::uint32_t low = bits & 0x7fffffffu;
    code = ((low + 0x7ffffu + (low >> 20 & 1u)) >> 20) - (120u << 3);
  } else {
    code = std::isnan(value) ? 0x7fu : 0x7eu;
  }
  return static_cast<std::uint8_t>(sign | code);
}

inline float e8m0_to_f32(std::uint8_t bits) {
  if (bits == 0xff) return std::numeric_limits<float>::quiet_NaN();
  return std::ldexp(1.0f, static_cast<int>(bits) - 127);
}

}  // namespace dsabench
