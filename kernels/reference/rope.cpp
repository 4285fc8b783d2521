#include "kernels/reference/rope.h"

#include <cmath>
#include <numbers>

namespace dsabench::reference {

std::vector<double> rope_inv_freq(const ops::RopeParams& params) {
  const auto dim = static_cast<double>(params.dim);
  std::vector<double> inv_freq;
  double low = 0.0, high = 0.0;
  if (params.yarn) {
    const auto positions = static_cast<double>(params.yarn->original_max_positions);
    const auto dimension_of = [&](double turns) {
      return dim * std::log(positions / (2.0 * std::numbers::pi * turns)) /
             (2.0 * std::log(params.theta));
    };
    low = dimension_of(params.yarn->beta_fast);
    high = dimension_of(params.yarn->beta_slow);
    if (params.yarn->truncate) {
      low = std::floor(low);
      high = std::ceil(high);
    }
    if (low < 0.0) low = 0.0;
    if (high > dim - 1.0) high = dim - 1.0;
    if (low == high) high = low + 0.001;
  }
  for (std::int64_t i = 0; i < params.dim / 2; ++i) {
    const double plain = std::pow(params.theta, -2.0 * static_cast<double>(i) / dim);
    double ramp = params.yarn ? (static_cast<double>(i) - low) / (high - low) : 0.0;
    ramp = ramp < 0.0 ? 0.0 : ramp > 1.0 ? 1.0 : ramp;
    const double stretched = params.yarn ? plain / params.yarn->factor : plain;
    inv_freq.push_back(stretched * ramp + plain * (1.0 - ramp));
  }
  return inv_freq;
}

std::vector<double> rope_row(std::span<const float> x, std::int64_t position,
                             std::span<const float> inv_freq, double magnitude,
                             ops::RopeLayout layout) {
  std::vector<double> out(x.begin(), x.end());
  const std::size_t pairs = x.size() / 2;
  for (std::size_t i = 0; i < pairs; ++i) {
    const bool interleaved = layout == ops::RopeLayout::interleaved;
    const std::size_t first = interleaved ? 2 * i : i;
    const std::size_t second = interleaved ? 2 * i + 1 : i + pairs;
    const float rounded = static_cast<float>(position) * inv_freq[i];
    const double angle = rounded;
    const double c = magnitude * std::cos(angle), s = magnitude * std::sin(angle);
    out[first] = x[first] * c - x[second] * s;
    out[second] = x[second] * c + x[first] * s;
  }
  return out;
}

}  // namespace dsabench::reference
