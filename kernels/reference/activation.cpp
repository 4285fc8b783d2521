#include "kernels/reference/activation.h"

#include <algorithm>
#include <cmath>

namespace dsabench::reference {

std::vector<double> swiglu_row(std::span<const float> gate, std::span<const float> up) {
  std::vector<double> out;
  for (std::size_t i = 0; i < gate.size(); ++i) {
    const double g = gate[i];
    out.push_back(g / (1.0 + std::exp(-g)) * up[i]);
  }
  return out;
}

std::vector<double> softmax_row(std::span<const float> x, double scale) {
  std::vector<double> out;
  for (const double value : x) out.push_back(scale * value);
  if (out.empty()) return out;
  const double largest = *std::max_element(out.begin(), out.end());
  double total = 0.0;
  for (double& value : out) {
    value = std::exp(value - largest);
    total += value;
  }
  for (double& value : out) value /= total;
  return out;
}

}  // namespace dsabench::reference
