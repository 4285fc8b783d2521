#include <cmath>

#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/rms_norm.h"
#include "kernels/simd/vector_math.h"

namespace dsabench::ops::detail {

void rms_norm_cpu(const RmsNormArgs& args) {
  const VectorMath& math = vector_math();
  const std::int64_t tokens = args.x.dim(0), dim = args.x.dim(1);
  const float* weight = args.weight.data<float>();
#pragma omp parallel for schedule(static) if (tokens * dim > kMinParallelElements)
  for (std::int64_t t = 0; t < tokens; ++t) {
    const float* x = args.x.row<float>(t);
    const float mean_square = math.sum_squares(x, 0.0f, dim) / static_cast<float>(dim);
    const float factor = 1.0f / std::sqrt(mean_square + args.eps);
    math.normalize(args.out.row<float>(t), x, 0.0f, factor, weight, nullptr, dim);
  }
}

}  // namespace dsabench::ops::detail
