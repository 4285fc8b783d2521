#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/linear.h"

namespace dsabench::ops::detail {
namespace {

constexpr int kLinearThreads = 256;

void check_depth(const std::string& op, std::int64_t in) {
  if (in == 0) throw InvalidArgument(op + ": a product over no inputs on CUDA");
}

/// The product adds to the bias: cuBLASLt's own epilogue rounds to bf16 before it in some shapes.
template <class T>
__global__ void bias_kernel(const T* bias, cuda::Rows<T> out, std::int64_t dim) {
  for (std::int64_t i = threadIdx.x; i < dim; i += kLinearThreads) out[blockIdx.x][i] = bias[i];
}

}  // namespace

void linear_cuda(const Context& ctx, const LinearArgs& args) {
  const cuda::Launch launch(ctx, "linear");
  const std::int64_t tokens = args.x.dim(0), in = args.x.dim(1), out = args.weight.dim(0);
  check_depth("linear", in);
  if (tokens == 0 || out == 0) return;
  if (args.bias) {
    cuda::with_activation_type(args.out.dtype(), [&]<class T>(T) {
      bias_kernel<T><<<cuda::grid_size(tokens), kLinearThreads, 0, launch.stream()>>>(
          cuda::rows<const T>(args.bias).data, cuda::rows<T>(args.out), out);
      launch.check();
    });
  }
  cuda::multiply(launch, {.bf16_inputs = args.x.dtype() == DType::bf16,
                          .bf16_output = args.out.dtype() == DType::bf16,
                          .a_is_transposed = false,
                          .m = out,
                          .n = tokens,
                          .k = in,
                          .batch = 1,
                          .a = {args.weight.raw(), args.weight.stride(0), 0},
                          .b = {args.x.raw(), args.x.stride(0), 0},
                          .c = {args.out.raw(), args.out.stride(0), 0},
                          .adds_to_c = !args.bias.empty()});
}

void head_linear_cuda(const Context& ctx, const HeadLinearArgs& args) {
  const cuda::Launch launch(ctx, "head_linear");
  const std::int64_t tokens = args.x.dim(0), heads = args.x.dim(1), in = args.x.dim(2),
                     out = args.out.dim(2);
  check_depth("head_linear", in);
  if (tokens * heads * out == 0) return;
  const bool bf16 = args.x.dtype() == DType::bf16;
  cuda::multiply(launch, {.bf16_inputs = bf16,
                          .bf16_output = bf16,
                          .a_is_transposed = args.transpose_weight,
                          .m = out,
                          .n = tokens,
                          .k = in,
                          .batch = heads,
                          .a = {args.weight.raw(), args.weight.stride(1), args.weight.stride(0)},
                          .b = {args.x.raw(), args.x.stride(0), args.x.stride(1)},
                          .c = {args.out.raw(), args.out.stride(0), args.out.stride(1)},
                          .adds_to_c = false});
}

}  // namespace dsabench::ops::detail
