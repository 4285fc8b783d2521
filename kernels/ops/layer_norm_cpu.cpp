#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/layer_norm.h"
#include "kernels/ops/row_steps.h"

namespace dsabench::ops::detail {

void layer_norm_cpu(const LayerNormArgs& args) {
  const VectorMath& math = vector_math();
  const std::int64_t tokens = args.x.dim(0), dim = args.x.dim(1);
#pragma omp parallel for schedule(static) if (tokens * dim > kMinParallelElements)
  for (std::int64_t t = 0; t < tokens; ++t) {
    layer_norm_row(math, args.x.row<float>(t), args.weight.data<float>(), args.bias.data<float>(),
                   args.eps, dim, args.out.row<float>(t));
  }
}

}  // namespace dsabench::ops::detail
