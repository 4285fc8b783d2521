#pragma once
/// Normalisations of one row, in double precision.
#include <span>
#include <vector>

namespace dsabench::reference {

/// weight[i] * x[i] / sqrt(mean(x^2) + eps)
std::vector<double> rms_norm_row(std::span<const float> x, std::span<const float> weight,
                                 double eps);

/// weight[i] * (x[i] - mean(x)) / sqrt(var(x) + eps) + bias[i], population variance
std::vector<double> layer_norm_row(std::span<const float> x, std::span<const float> weight,
                                   std::span<const float> bias, double eps);

}  // namespace dsabench::reference
