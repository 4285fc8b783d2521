#pragma once
/// Activations of one row, in double precision.
#include <span>
#include <vector>

namespace dsabench::reference {

/// gate[i] / (1 + exp(-gate[i])) * up[i]
std::vector<double> swiglu_row(std::span<const float> gate, std::span<const float> up);

/// exp(scale * x[i]) / sum_j exp(scale * x[j]), computed relative to the largest.
std::vector<double> softmax_row(std::span<const float> x, double scale = 1.0);

}  // namespace dsabench::reference
