#include "kernels/cuda/launch.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/rms_norm.h"

namespace dsabench::ops::detail {
namespace {

constexpr int kRmsNormThreads = 256;

template <class T, int kWidth>
__global__ void __launch_bounds__(kRmsNormThreads)
    rms_norm_kernel(cuda::Rows<const T> x_rows, const T* weight, cuda::Rows<T> out_rows,
                    std::int64_t dim, float eps) {
  constexpr std::int64_t kStep = kRmsNormThreads * kWidth;
  const T* x = x_rows[blockIdx.x];
  T* out = out_rows[blockIdx.x];
  const std::int64_t first = threadIdx.x * std::int64_t{kWidth};
  // Not after the sum: with few rows nothing else would hide that load.
  cuda::Pack<T, kWidth> scale{};
  if (first < dim) scale = cuda::load_pack<kWidth>(weight + first);
  float squares = 0.0f;
  for (std::int64_t i = first; i < dim; i += kStep) {
    const auto pack = cuda::load_pack<kWidth>(x + i);
#pragma unroll
    for (int w = 0; w < kWidth; ++w) {
      const float value = cuda::to_float(pack.values[w]);
      squares += value * value;
    }
  }
  const float factor = 1.0f / sqrtf(cuda::block_sum(squares) / static_cast<float>(dim) + eps);
  for (std::int64_t i = first; i < dim; i += kStep) {
    if (i != first) scale = cuda::load_pack<kWidth>(weight + i);
    auto pack = cuda::load_pack<kWidth>(x + i);
#pragma unroll
    for (int w = 0; w < kWidth; ++w) {
      cuda::store(pack.values[w],
                  cuda::to_float(pack.values[w]) * factor * cuda::to_float(scale.values[w]));
    }
    cuda::store_pack<kWidth>(out + i, pack);
  }
}

}  // namespace

void rms_norm_cuda(const Context& ctx, const RmsNormArgs& args) {
  const cuda::Launch launch(ctx, "rms_norm");
  const std::int64_t tokens = args.x.dim(0), dim = args.x.dim(1);
  if (tokens == 0) return;
  const bool aligned =
      args.x.rows_aligned(16) && args.weight.rows_aligned(16) && args.out.rows_aligned(16);
  cuda::with_activation_type(args.x.dtype(), [&]<class T>(T) {
    cuda::with_pack_width<T>(aligned, dim, [&](auto width) {
      rms_norm_kernel<T, width><<<cuda::grid_size(tokens), kRmsNormThreads, 0, launch.stream()>>>(
          cuda::rows<const T>(args.x), cuda::rows<const T>(args.weight).data,
          cuda::rows<T>(args.out), dim, args.eps);
    });
    launch.check();
  });
}

}  // namespace dsabench::ops::detail
