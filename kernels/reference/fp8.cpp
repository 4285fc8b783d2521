#include "kernels/reference/fp8.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/base/float_formats.h"

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

namespace {

constexpr std::size_t kLatentGroup = 128;

/// The low bytes of a number first, as they lie in memory.
void append_bytes(std::vector<std::uint8_t>& row, std::uint32_t bits, int count) {
  for (int i = 0; i < count; ++i) row.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
}
std::uint32_t bits_at(std::span<const std::uint8_t> row, std::size_t at, int count) {
  std::uint32_t bits = 0;
  for (int i = count; i > 0; --i) bits = bits << 8 | row[at + static_cast<std::size_t>(i) - 1];
  return bits;
}

}  // namespace

std::vector<std::uint8_t> fp8_latent_row(std::span<const float> values, std::int64_t latent_dim) {
  const auto latent = static_cast<std::size_t>(latent_dim);
  std::vector<std::uint8_t> row;
  std::vector<float> scales;
  for (std::size_t begin = 0; begin < latent; begin += kLatentGroup) {
    const Fp8Block block =
        quantize_block(values.subspan(begin, std::min(kLatentGroup, latent - begin)), false);
    row.insert(row.end(), block.codes.begin(), block.codes.end());
    scales.push_back(block.scale);
  }
  for (const float scale : scales) append_bytes(row, std::bit_cast<std::uint32_t>(scale), 4);
  for (const float value : values.subspan(latent)) append_bytes(row, f32_to_bf16(value), 2);
  return row;
}

std::vector<float> fp8_latent_values(std::span<const std::uint8_t> row, std::int64_t latent_dim,
                                     std::int64_t rope_dim) {
  const auto latent = static_cast<std::size_t>(latent_dim);
  const std::size_t rope = latent + 4 * ((latent + kLatentGroup - 1) / kLatentGroup);
  std::vector<float> values;
  for (std::size_t i = 0; i < latent; ++i) {
    const auto scale = std::bit_cast<float>(bits_at(row, latent + 4 * (i / kLatentGroup), 4));
    values.push_back(static_cast<float>(e4m3_value(row[i])) * scale);
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(rope_dim); ++i) {
    values.push_back(bf16_to_f32(static_cast<std::uint16_t>(bits_at(row, rope + 2 * i, 2))));
  }
  return values;
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
