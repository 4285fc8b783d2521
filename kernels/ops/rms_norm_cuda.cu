#include "kernels/cuda/launch.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/rms_norm.h"

namespace dsabench::ops::detail {
namespace {

constexpr int kThreads = 256;

template <class T>
__global__ void rms_norm_kernel(cuda::Rows<const T> x_rows, const T* weight, cuda::Rows<T> out_rows,
                                std::int64_t dim, float eps) {
  const T* x = x_rows[blockIdx.x];
  T* out = out_rows[blockIdx.x];
  float squares = 0.0f;
  for (std::int64_t i = threadIdx.x; i < dim; i += kThreads) {
    const float value = cuda::to_float(x[i]);
    squares += value * value;
  }
  const float factor = 1.0f / sqrtf(cuda::block_sum(squares) / static_cast<float>(dim) + eps);
  for (std::int64_t i = threadIdx.x; i < dim; i += kThreads) {
    cuda::store(out[i], cuda::to_float(x[i]) * factor * cuda::to_float(weight[i]));
  }
}

}  // namespace

void rms_norm_cuda(const Context& ctx, const RmsNormArgs& args) {
  const cuda::Launch launch(ctx, "rms_norm");
  const std::int64_t tokens = args.x.dim(0), dim = args.x.dim(1);
  if (tokens == 0) return;
  cuda::with_activation_type(args.x.dtype(), [&]<class T>(T) {
    rms_norm_kernel<T><<<cuda::grid_size(tokens), kThreads, 0, launch.stream()>>>(
        cuda::rows<const T>(args.x), cuda::rows<const T>(args.weight).data, cuda::rows<T>(args.out),
        dim, args.eps);
    launch.check();
  });
}

}  // namespace dsabench::ops::detail
