#include "kernels/cuda/launch.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/layer_norm.h"

namespace dsabench::ops::detail {
namespace {

constexpr int kLayerNormThreads = 128;

template <class T>
__global__ void layer_norm_kernel(cuda::Rows<const T> x_rows, const T* weight, const T* bias,
                                  cuda::Rows<T> out_rows, std::int64_t dim, float eps) {
  const T* x = x_rows[blockIdx.x];
  T* out = out_rows[blockIdx.x];
  float sum = 0.0f;
  for (std::int64_t i = threadIdx.x; i < dim; i += kLayerNormThreads) sum += cuda::to_float(x[i]);
  const float mean = cuda::block_sum(sum) / static_cast<float>(dim);
  float squares = 0.0f;
  for (std::int64_t i = threadIdx.x; i < dim; i += kLayerNormThreads) {
    const float distance = cuda::to_float(x[i]) - mean;
    squares += distance * distance;
  }
  const float factor = 1.0f / sqrtf(cuda::block_sum(squares) / static_cast<float>(dim) + eps);
  for (std::int64_t i = threadIdx.x; i < dim; i += kLayerNormThreads) {
    cuda::store(out[i], (cuda::to_float(x[i]) - mean) * factor * cuda::to_float(weight[i]) +
                            cuda::to_float(bias[i]));
  }
}

}  // namespace

void layer_norm_cuda(const Context& ctx, const LayerNormArgs& args) {
  const cuda::Launch launch(ctx, "layer_norm");
  const std::int64_t tokens = args.x.dim(0), dim = args.x.dim(1);
  if (tokens == 0) return;
  cuda::with_activation_type(args.x.dtype(), [&]<class T>(T) {
    layer_norm_kernel<T><<<cuda::grid_size(tokens), kLayerNormThreads, 0, launch.stream()>>>(
        cuda::rows<const T>(args.x), cuda::rows<const T>(args.weight).data,
        cuda::rows<const T>(args.bias).data, cuda::rows<T>(args.out), dim, args.eps);
    launch.check();
  });
}

}  // namespace dsabench::ops::detail
