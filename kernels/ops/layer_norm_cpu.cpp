#include <cmath>

#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/layer_norm.h"
#include "kernels/simd/vector_math.h"

namespace dsabench::ops::detail {

void layer_norm_cpu(const LayerNormArgs& args) {
  const VectorMath& math = vector_math();
  const std::int64_t tokens = args.x.dim(0), dim = args.x.dim(1);
  const auto count = static_cast<float>(dim);
#pragma omp parallel for schedule(static) if (tokens * dim > kMinParallelElements)
  for (std::int64_t t = 0; t < tokens; ++t) {
    const float* x = args.x.row<float>(t);
    const float mean = math.sum(x, dim) / count;
    const float variance = math.sum_squares(x, mean, dim) / count;
    const float factor = 1.0f / std::sqrt(variance + args.eps);
    math.normalize(args.out.row<float>(t), x, mean, factor, args.weight.data<float>(),
                   args.bias.data<float>(), dim);
  }
}

}  // namespace dsabench::ops::detail
