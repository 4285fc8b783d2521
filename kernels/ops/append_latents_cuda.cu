#include "kernels/cuda/launch.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/append_latents.h"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/fp8_latents.cuh"
#include "kernels/ops/fp8_scale.cuh"

namespace dsabench::ops::detail {
namespace {

constexpr int kLatentThreads = 256;

template <class T>
struct LatentRows {
  cuda::Rows<const T> x;
  const T* weight;
  cuda::Rows<const float> cos, sin;
  const std::int32_t* slots;
  std::int64_t cached, latent, pairs;
  float eps;

  /// The normalised latent and the rotated part of the block's row, value by value.
  template <class StoreLatent, class StoreRope>
  __device__ __forceinline__ void make(StoreLatent&& store_latent, StoreRope&& store_rope) const {
    const T* row = x[blockIdx.x];
    float squares = 0.0f;
    for (std::int64_t i = threadIdx.x; i < latent; i += kLatentThreads) {
      const float value = cuda::to_float(row[i]);
      squares += value * value;
    }
    const float factor = 1.0f / sqrtf(cuda::block_sum(squares) / static_cast<float>(latent) + eps);
    for (std::int64_t i = threadIdx.x; i < latent; i += kLatentThreads) {
      store_latent(i, cuda::to_float(row[i]) * factor * cuda::to_float(weight[i]));
    }
    for (std::int64_t i = threadIdx.x; i < pairs; i += kLatentThreads) {
      const float first = cuda::to_float(row[latent + 2 * i]);
      const float second = cuda::to_float(row[latent + 2 * i + 1]);
      const float cosine = cos[blockIdx.x][i], sine = sin[blockIdx.x][i];
      store_rope(2 * i, first * cosine - second * sine);
      store_rope(2 * i + 1, second * cosine + first * sine);
    }
  }
};

/// One block a row.
template <class T>
__global__ void append_latents_kernel(const LatentRows<T> rows, cuda::Rows<T> cache) {
  const std::int64_t slot = rows.slots[blockIdx.x];
  if (slot < 0 || slot >= rows.cached) return;
  T* out = cache[slot];
  rows.make([&](std::int64_t i, float value) { cuda::store(out[i], value); },
            [&](std::int64_t i, float value) { cuda::store(out[rows.latent + i], value); });
}

/// The same to the fp8 cache: the latent passes through shared memory, a warp quantises a group.
template <class T>
__global__ void append_fp8_latents_kernel(const LatentRows<T> rows,
                                          cuda::Rows<std::uint8_t> cache) {
  extern __shared__ float latent[];
  const std::int64_t slot = rows.slots[blockIdx.x];
  if (slot < 0 || slot >= rows.cached) return;
  const Fp8LatentRow layout{rows.latent, 2 * rows.pairs};
  std::uint8_t* out = cache[slot];
  rows.make(
      [&](std::int64_t i, float value) {
        T stored;  // as it would lie in a cache of the activations' type
        cuda::store(stored, value);
        latent[i] = cuda::to_float(stored);
      },
      [&](std::int64_t i, float value) {
        store_packed_bf16(out + layout.rope_begin() + 2 * i, value);
      });
  __syncthreads();
  const int lane = static_cast<int>(threadIdx.x) % cuda::kWarpSize;
  for (std::int64_t g = threadIdx.x / cuda::kWarpSize; g < layout.num_scales();
       g += kLatentThreads / cuda::kWarpSize) {
    const std::int64_t begin = g * Fp8LatentRow::kGroup;
    const std::int64_t end = min(begin + Fp8LatentRow::kGroup, rows.latent);
    float magnitude = kMinFp8Magnitude;
    bool finite = true;
    for (std::int64_t i = begin + lane; i < end; i += cuda::kWarpSize) {
      magnitude = fmaxf(magnitude, fabsf(latent[i]));
      finite = finite && isfinite(latent[i]);
    }
    float scale = cuda::warp_max(magnitude) / 448.0f;
    if (__any_sync(~0u, !finite)) scale = cuda::quiet_nan();
    for (std::int64_t i = begin + lane; i < end; i += cuda::kWarpSize) {
      out[i] = cuda::float_to_e4m3(latent[i] / scale);
    }
    if (lane == 0) store_packed_float(out + layout.scales_begin() + 4 * g, scale);
  }
}

}  // namespace

void append_latents_cuda(const Context& ctx, const AppendLatentsArgs& args) {
  const cuda::Launch launch(ctx, "append_latents");
  const std::int64_t tokens = args.x.dim(0);
  if (tokens == 0) return;
  cuda::with_activation_type(args.x.dtype(), [&]<class T>(T) {
    const LatentRows<T> rows{cuda::rows<const T>(args.x),
                             cuda::rows<const T>(args.weight).data,
                             cuda::rows<const float>(args.cos),
                             cuda::rows<const float>(args.sin),
                             args.slots.data<std::int32_t>(),
                             args.latents.dim(0),
                             args.weight.dim(0),
                             args.cos.dim(1),
                             args.eps};
    const unsigned grid = cuda::grid_size(tokens);
    if (args.latents.dtype() == DType::u8) {
      const auto bytes = static_cast<std::size_t>(rows.latent) * 4;
      append_fp8_latents_kernel<T><<<grid, kLatentThreads, bytes, launch.stream()>>>(
          rows, cuda::rows<std::uint8_t>(args.latents));
    } else {
      append_latents_kernel<T>
          <<<grid, kLatentThreads, 0, launch.stream()>>>(rows, cuda::rows<T>(args.latents));
    }
    launch.check();
  });
}

}  // namespace dsabench::ops::detail
