#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/swiglu.h"
#include "kernels/simd/vector_math.h"

namespace dsabench::ops::detail {

void swiglu_cpu(const SwigluArgs& args) {
  const VectorMath& math = vector_math();
  const std::int64_t tokens = args.gate.dim(0), dim = args.gate.dim(1);
#pragma omp parallel for schedule(static) if (tokens * dim > kMinParallelElements)
  for (std::int64_t t = 0; t < tokens; ++t) {
    math.silu_mul(args.out.row<float>(t), args.gate.row<float>(t), args.up.row<float>(t), dim);
  }
}

}  // namespace dsabench::ops::detail
