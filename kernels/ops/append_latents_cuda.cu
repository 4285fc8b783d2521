#include "kernels/cuda/launch.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/append_latents.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops::detail {
namespace {

constexpr int kThreads = 256;

/// One block a row.
template <class T>
__global__ void append_latents_kernel(cuda::Rows<const T> x_rows, const T* weight,
                                      cuda::Rows<const float> cos_rows,
                                      cuda::Rows<const float> sin_rows, const std::int32_t* slots,
                                      cuda::Rows<T> cache, std::int64_t cached, std::int64_t latent,
                                      std::int64_t pairs, float eps) {
  const std::int64_t slot = slots[blockIdx.x];
  if (slot < 0 || slot >= cached) return;
  const T* x = x_rows[blockIdx.x];
  T* out = cache[slot];
  float squares = 0.0f;
  for (std::int64_t i = threadIdx.x; i < latent; i += kThreads) {
    const float value = cuda::to_float(x[i]);
    squares += value * value;
  }
  const float factor = 1.0f / sqrtf(cuda::block_sum(squares) / static_cast<float>(latent) + eps);
  for (std::int64_t i = threadIdx.x; i < latent; i += kThreads) {
    cuda::store(out[i], cuda::to_float(x[i]) * factor * cuda::to_float(weight[i]));
  }
  for (std::int64_t i = threadIdx.x; i < pairs; i += kThreads) {
    const float first = cuda::to_float(x[latent + 2 * i]);
    const float second = cuda::to_float(x[latent + 2 * i + 1]);
    const float cosine = cos_rows[blockIdx.x][i], sine = sin_rows[blockIdx.x][i];
    cuda::store(out[latent + 2 * i], first * cosine - second * sine);
    cuda::store(out[latent + 2 * i + 1], second * cosine + first * sine);
  }
}

}  // namespace

void append_latents_cuda(const Context& ctx, const AppendLatentsArgs& args) {
  const cuda::Launch launch(ctx, "append_latents");
  const std::int64_t tokens = args.x.dim(0);
  if (tokens == 0) return;
  cuda::with_activation_type(args.x.dtype(), [&]<class T>(T) {
    append_latents_kernel<T><<<cuda::grid_size(tokens), kThreads, 0, launch.stream()>>>(
        cuda::rows<const T>(args.x), cuda::rows<const T>(args.weight).data,
        cuda::rows<const float>(args.cos), cuda::rows<const float>(args.sin),
        args.slots.data<std::int32_t>(), cuda::rows<T>(args.latents), args.latents.dim(0),
        args.weight.dim(0), args.cos.dim(1), args.eps);
    launch.check();
  });
}

}  // namespace dsabench::ops::detail
