#include "kernels/reference/linear.h"

#include "kernels/reference/parallel.h"

namespace dsabench::reference {
std::vector<double> linear_row(std::span<const float> x, const ConstTensorView& weight,
                               std::span<const float> bias) {
  std::vector<double> out(static_cast<std::size_t>(weight.dim(0)));
#pragma omp parallel for schedule(static) if (weight.num_elements() > kMinParallelProducts)
  for (std::int64_t o = 0; o < weight.dim(0); ++o) {
    const float* row = weight.row<float>(o);
    double total = bias.empty() ? 0.0 : bias[static_cast<std::size_t>(o)];
#pragma omp simd reduction(+ : total)
    for (std::size_t i = 0; i < x.size(); ++i) total += static_cast<double>(x[i]) * row[i];
    out[static_cast<std::size_t>(o)] = total;
  }
  return out;
}

std::vector<double> linear_transposed_row(std::span<const float> x, const ConstTensorView& weight) {
  std::vector<double> out(static_cast<std::size_t>(weight.dim(1)));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float* row = weight.row<float>(static_cast<std::int64_t>(i));
    for (std::size_t o = 0; o < out.size(); ++o) out[o] += static_cast<double>(x[i]) * row[o];
  }
  return out;
}

}  // namespace dsabench::reference
