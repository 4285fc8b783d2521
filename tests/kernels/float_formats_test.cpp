#include "kernels/base/float_formats.h"

#include "kernels/reference/fp8.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

/// Value of a binary format with `exponent_bits` and `mantissa_bits`, IEEE style, by definition.
double ieee_value(std::uint32_t bits, int exponent_bits, int mantissa_bits) {
  const std::uint32_t mantissa = bits & ((1u << mantissa_bits) - 1);
  const int exponent = static_cast<int>(bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = bits >> (exponent_bits + mantissa_bits) ? -1.0 : 1.0;
  const double fraction = mantissa / std::pow(2.0, mantissa_bits);
  if (exponent == (1 << exponent_bits) - 1) {
    return mantissa == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  if (exponent == 0) return sign * fraction * std::pow(2.0, 1 - bias);
  return sign * (1.0 + fraction) * std::pow(2.0, exponent - bias);
}

bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

}  // namespace

TEST_CASE("all 65536 bf16 and f16 codes have their value, and bf16 makes the round trip") {
  int wrong_bf16 = 0, wrong_f16 = 0, wrong_trip = 0;
  for (std::uint32_t bits = 0; bits <= 0xffffu; ++bits) {
    const auto code = static_cast<std::uint16_t>(bits);
    wrong_bf16 += !same(bf16_to_f32(code), ieee_value(bits, 8, 7));
    wrong_f16 += !same(f16_to_f32(code), ieee_value(bits, 5, 10));
    const float value = bf16_to_f32(code);
    const std::uint16_t back = f32_to_bf16(value);
    wrong_trip += std::isnan(value) ? !std::isnan(bf16_to_f32(back)) : back != code;
  }
  CHECK(wrong_bf16 == 0);
  CHECK(wrong_f16 == 0);
  CHECK(wrong_trip == 0);
}

TEST_CASE("bf16 rounds to nearest, ties to even, also between every pair of neighbours") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x7f80u; ++bits) {
    const std::uint32_t tie = bits << 16 | 0x8000u;
    const std::uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    for (const std::uint32_t sign : {0u, 0x8000u}) {
      const auto rounded = [&](std::uint32_t word) {
        return f32_to_bf16(std::bit_cast<float>(word | sign << 16));
      };
      wrong += rounded(tie) != (even | sign);
      wrong += rounded(tie - 1) != (bits | sign);
      wrong += rounded(tie + 1) != ((bits + 1) | sign);
    }
  }
  CHECK(wrong == 0);
  CHECK(std::isnan(bf16_to_f32(f32_to_bf16(std::bit_cast<float>(0x7fffffffu)))));
  CHECK(std::isnan(bf16_to_f32(f32_to_bf16(std::bit_cast<float>(0x7f800001u)))));
}

TEST_CASE("every e4m3 code has its value and makes the round trip") {
  for (int i = 0; i < 256; ++i) {
    CAPTURE(i);
    const auto code = static_cast<std::uint8_t>(i);
    const float value = e4m3_to_f32(code);
    CHECK(same(value, reference::e4m3_value(code)) ==
          true);  // the reference's NaN has no sign: same() ignores it
    CHECK(f32_to_e4m3(value) == code);
  }
}

TEST_CASE("e4m3 rounds to nearest, ties to even, and saturates") {
  for (int i = 0; i < 0x7e; ++i) {
    const float low = e4m3_to_f32(static_cast<std::uint8_t>(i));
    const float high = e4m3_to_f32(static_cast<std::uint8_t>(i + 1));
    const float tie = (low + high) / 2.0f;  // exact in f32
    for (const float sign : {1.0f, -1.0f}) {
      CAPTURE(i, tie, sign);
      const int top = sign < 0 ? 0x80 : 0;
      CHECK(f32_to_e4m3(sign * tie) == (top | (i % 2 == 0 ? i : i + 1)));
      CHECK(f32_to_e4m3(sign * std::nextafter(tie, 0.0f)) == (top | i));
      CHECK(f32_to_e4m3(sign * std::nextafter(tie, 1e9f)) == (top | (i + 1)));
    }
  }
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float large : {448.0f, 448.1f, 464.0f, 480.0f, 1e30f, infinity}) {
    CAPTURE(large);
    CHECK(f32_to_e4m3(large) == 0x7e);
    CHECK(f32_to_e4m3(-large) == 0xfe);
  }
  CHECK((f32_to_e4m3(std::numeric_limits<float>::quiet_NaN()) & 0x7f) == 0x7f);
  CHECK(f32_to_e4m3(-0.0f) == 0x80);
  CHECK(f32_to_e4m3(std::numeric_limits<float>::denorm_min()) == 0);
}

TEST_CASE("e4m3 agrees with the nearest of all codes on random values") {
  DSABENCH_SEEDED(random);
  for (int i = 0; i < 20000; ++i) {
    const auto value = static_cast<float>(random.normal() * std::exp2(random.uniform(-12, 9)));
    CAPTURE(value);
    REQUIRE(f32_to_e4m3(value) == reference::nearest_e4m3(value));
  }
}

TEST_CASE("every e8m0 code is its power of two") {
  for (int i = 0; i < 255; ++i) {
    CAPTURE(i);
    CHECK(e8m0_to_f32(static_cast<std::uint8_t>(i)) == std::pow(2.0, i - 127));
  }
  CHECK(std::isnan(e8m0_to_f32(255)));
}

}  // namespace dsabench
