#include "kernels/reference/norm.h"

#include <cmath>

namespace dsabench::reference {

std::vector<double> rms_norm_row(std::span<const float> x, std::span<const float> weight,
                                 double eps) {
  double squares = 0.0;
  for (const double value : x) squares += value * value;
  const double root = std::sqrt(squares / static_cast<double>(x.size()) + eps);
  std::vector<double> out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    out.push_back(static_cast<double>(weight[i]) * x[i] / root);
  }
  return out;
}

std::vector<double> layer_norm_row(std::span<const float> x, std::span<const float> weight,
                                   std::span<const float> bias, double eps) {
  const auto count = static_cast<double>(x.size());
  double mean = 0.0, variance = 0.0;
  for (const double value : x) mean += value / count;
  for (const double value : x) variance += (value - mean) * (value - mean) / count;
  std::vector<double> out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    out.push_back(weight[i] * (x[i] - mean) / std::sqrt(variance + eps) + bias[i]);
  }
  return out;
}

}  // namespace dsabench::reference
