#include "kernels/ops/add.h"
#include "kernels/ops/detail_cpu.h"
#include "kernels/simd/vector_math.h"

namespace dsabench::ops::detail {

void add_cpu(const AddArgs& args) {
  const VectorMath& math = vector_math();
  const std::int64_t tokens = args.residual.dim(0), dim = args.residual.dim(1);
#pragma omp parallel for schedule(static) if (tokens * dim > kMinParallelElements)
  for (std::int64_t t = 0; t < tokens; ++t) {
    math.add(args.residual.row<float>(t), args.update.row<float>(t), dim);
  }
}

}  // namespace dsabench::ops::detail
