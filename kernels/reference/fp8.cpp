#include "kernels/reference/fp8.h"

#include <bit>
#include <cmath>
#include <limits>

namespace dsabench::reference {

double e4m3_value(std::uint8_t code) {
  const int exponent = code / 8 % 16, mantissa = code % 8;
  if (exponent == 15 && mantissa == 7) return std::numeric_limits<double>::quiet_NaN();
  const double magnitude =
      exponent == 0 ? mantissa / 512.0 : std::pow(2.0, exponent - 7) * (1.0 + mantissa / 8.0);
  return code < 128 ? magnitude : -magnitude;
}

std::uint8_t nearest_e4m3(double value) {
  if (std::isnan(value)) return 0x7f;
  const double magnitude = std::fabs(value);
  int best = 0;
  for (int code = 1; code < 0x7f; ++code) {
    const double here = std::fabs(e4m3_value(static_cast<std::uint8_t>(code)) - magnitude);
    const double there = std::fabs(e4m3_value(static_cast<std::uint8_t>(best)) - magnitude);
    if (here < there || (here == there && code % 2 == 0)) best = code;
  }
  return static_cast<std::uint8_t>(std::signbit(value) ? best + 128 : best);
}

Fp8Block quantize_block(std::span<const float> x, bool power_of_two_scale) {
  float largest = 1e-4f;
  for (const float value : x) {
    if (std::fabs(value) > largest) largest = std::fabs(value);
  }
  Fp8Block block;
  block.scale = largest / 448.0f;
  if (power_of_two_scale) {
    double scale = std::pow(2.0, -40);
    while (448.0 * scale < largest) scale *= 2.0;
    block.scale = static_cast<float>(scale);
  }
  for (const float value : x) block.codes.push_back(nearest_e4m3(value / block.scale));
  return block;
}

std::vector<double> hadamard_row(std::span<const float> x) {
  std::vector<double> out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    double total = 0.0;
    for (std::size_t j = 0; j < x.size(); ++j) {
      total += std::popcount(i & j) % 2 == 0 ? x[j] : -static_cast<double>(x[j]);
    }
    out.push_back(total / std::sqrt(static_cast<double>(x.size())));
  }
  return out;
}

}  // namespace dsabench::reference
