#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/rms_norm.h"
#include "kernels/ops/row_steps.h"

namespace dsabench::ops::detail {

void rms_norm_cpu(const RmsNormArgs& args) {
  const VectorMath& math = vector_math();
  const std::int64_t tokens = args.x.dim(0), dim = args.x.dim(1);
  const float* weight = args.weight.data<float>();
#pragma omp parallel for schedule(static) if (tokens * dim > kMinParallelElements)
  for (std::int64_t t = 0; t < tokens; ++t) {
    rms_norm_row(math, args.x.row<float>(t), weight, args.eps, dim, args.out.row<float>(t));
  }
}

}  // namespace dsabench::ops::detail
