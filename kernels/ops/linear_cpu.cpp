#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/gemm_cpu.h"
#include "kernels/ops/linear.h"
#include "kernels/simd/vector_math.h"

namespace dsabench::ops::detail {

void linear_cpu(const LinearArgs& args) {
  const VectorMath& math = vector_math();
  const std::int64_t tokens = args.x.dim(0), in = args.x.dim(1), out = args.weight.dim(0);
  gemm_cpu(tokens, out, in, args.x.data<float>(), args.x.stride(0), args.weight.data<float>(),
           args.weight.stride(0), GemmWeight::rows_are_outputs, args.out.data<float>(),
           args.out.stride(0));
  if (!args.bias) return;
  for (std::int64_t t = 0; t < tokens; ++t) {
    math.add(args.out.row<float>(t), args.bias.data<float>(), out);
  }
}

void head_linear_cpu(const HeadLinearArgs& args) {
  vector_math();  // a wrong DSABENCH_CPU_ISA must throw here, not inside the parallel region
  const std::int64_t tokens = args.x.dim(0), heads = args.x.dim(1), in = args.x.dim(2),
                     out = args.out.dim(2);
  const GemmWeight layout =
      args.transpose_weight ? GemmWeight::rows_are_inputs : GemmWeight::rows_are_outputs;
  const float* x = args.x.data<float>();
  const float* weight = args.weight.data<float>();
  float* result = args.out.data<float>();
  // One thread a head: every product is too small to share.
#pragma omp parallel for schedule(static) if (tokens * heads * in * out > 16 * kMinParallelElements)
  for (std::int64_t h = 0; h < heads; ++h) {
    gemm_cpu(tokens, out, in, x + h * args.x.stride(1), args.x.stride(0),
             weight + h * args.weight.stride(0), args.weight.stride(1), layout,
             result + h * args.out.stride(1), args.out.stride(0));
  }
}

}  // namespace dsabench::ops::detail
