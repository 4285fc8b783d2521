#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/base/error.h"
#include "kernels/ops/rope.h"

namespace dsabench::ops {
namespace {

void require_positive(const char* name, double value) {
  if (!(value > 0.0) || !std::isfinite(value)) {
    throw InvalidArgument(fmt::format("rope: {} must be positive, got {}", name, value));
  }
}

void check(const RopeParams& params) {
  if (params.dim <= 0 || params.dim % 2 != 0) {
    throw InvalidArgument(fmt::format("rope: dim must be even and positive, got {}", params.dim));
  }
  if (!(params.theta > 1.0) || !std::isfinite(params.theta)) {
    throw InvalidArgument(fmt::format("rope: theta must be above 1, got {}", params.theta));
  }
  if (!params.yarn) return;
  require_positive("yarn factor", params.yarn->factor);
  require_positive("yarn beta_fast", params.yarn->beta_fast);
  require_positive("yarn beta_slow", params.yarn->beta_slow);
  require_positive("yarn original_max_positions",
                   static_cast<double>(params.yarn->original_max_positions));
}

double yarn_mscale(double factor, double mscale) {
  return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

float yarn_magnitude(const YarnScaling& yarn) {
  double magnitude = yarn_mscale(yarn.factor, 1.0);
  if (yarn.attention_factor) {
    magnitude = *yarn.attention_factor;
  } else if (yarn.mscale.value_or(0.0) != 0.0 && yarn.mscale_all_dim.value_or(0.0) != 0.0) {
    magnitude =
        yarn_mscale(yarn.factor, *yarn.mscale) / yarn_mscale(yarn.factor, *yarn.mscale_all_dim);
  }
  return static_cast<float>(magnitude);
}

/// The dimension (counted in elements) whose wavelength makes `rotations` turns within the original
/// context.
double yarn_dimension(const RopeParams& params, double rotations) {
  const auto positions = static_cast<double>(params.yarn->original_max_positions);
  return static_cast<double>(params.dim) *
         std::log(positions / (rotations * 2.0 * std::numbers::pi)) /
         (2.0 * std::log(params.theta));
}

/// Blends inv_freq with inv_freq / factor over the ramp. In f32, as transformers does.
void apply_yarn(const RopeParams& params, std::vector<float>& inv_freq) {
  double low = yarn_dimension(params, params.yarn->beta_fast);
  double high = yarn_dimension(params, params.yarn->beta_slow);
  if (params.yarn->truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(params.dim - 1));
  if (low == high) high += 0.001;
  const auto from = static_cast<float>(low), width = static_cast<float>(high - low),
             factor = static_cast<float>(params.yarn->factor);
  for (std::size_t i = 0; i < inv_freq.size(); ++i) {
    const float ramp = std::clamp((static_cast<float>(i) - from) / width, 0.0f, 1.0f);
    inv_freq[i] = inv_freq[i] / factor * ramp + inv_freq[i] * (1.0f - ramp);
  }
}

}  // namespace

RopeFrequencies rope_frequencies(const RopeParams& params) {
  check(params);
  RopeFrequencies frequencies;
  for (std::int64_t i = 0; i < params.dim; i += 2) {
    const float exponent = static_cast<float>(i) / static_cast<float>(params.dim);
    const auto period = static_cast<float>(std::pow(params.theta, static_cast<double>(exponent)));
    frequencies.inv_freq.push_back(1.0f / period);
  }
  if (params.yarn) {
    apply_yarn(params, frequencies.inv_freq);
    frequencies.magnitude = yarn_magnitude(*params.yarn);
  }
  return frequencies;
}

double rope_softmax_factor(const RopeParams& params) {
  if (!params.yarn || params.yarn->mscale_all_dim.value_or(0.0) == 0.0) return 1.0;
  const double m = yarn_mscale(params.yarn->factor, *params.yarn->mscale_all_dim);
  return m * m;
}

}  // namespace dsabench::ops
