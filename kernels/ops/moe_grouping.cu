#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/moe_grouping.h"

namespace dsabench::ops::detail {
namespace {

constexpr int kPlanThreads = 1024;
constexpr int kCombineThreads = 256;

/// Sums of rows and tiles, scanned as one number.
struct Position {
  std::uint64_t packed;
  __device__ explicit Position(std::uint64_t value) : packed(value) {}
  __device__ Position(std::int32_t rows, std::int32_t tiles)
      : packed(static_cast<std::uint64_t>(rows) << 32 | static_cast<std::uint32_t>(tiles)) {}
  __device__ std::int32_t rows() const { return static_cast<std::int32_t>(packed >> 32); }
  __device__ std::int32_t tiles() const { return static_cast<std::int32_t>(packed); }
};

/// The sum over the threads up to and with this one; `total` over all kPlanThreads.
__device__ __forceinline__ std::uint64_t plan_inclusive_sum(std::uint64_t value,
                                                            std::uint64_t& total) {
  static_assert(kPlanThreads == cuda::kWarpSize * cuda::kWarpSize);
  __shared__ std::uint64_t warps[cuda::kWarpSize];
  const int lane = static_cast<int>(threadIdx.x) % cuda::kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / cuda::kWarpSize;
  const std::uint64_t sum = cuda::warp_inclusive_sum(value);
  __syncthreads();  // the sums of an earlier call have been read
  if (lane == cuda::kWarpSize - 1) warps[warp] = sum;
  __syncthreads();
  if (warp == 0) warps[lane] = cuda::warp_inclusive_sum(warps[lane]);
  __syncthreads();
  total = warps[cuda::kWarpSize - 1];
  return sum + (warp > 0 ? warps[warp - 1] : 0);
}

/// One block. Rows within an expert come in no fixed order: a row's result does not depend on it.
__global__ void __launch_bounds__(kPlanThreads)
    plan_kernel(cuda::Rows<const std::int32_t> experts, int pairs, int top_n, int num_experts,
                TileCut cut, std::int64_t* load, Grouping out) {
  extern __shared__ std::int32_t counts[];  // then the next free row of each expert
  const int thread = static_cast<int>(threadIdx.x);
  const auto expert_of = [&](int pair) {
    return experts.stride == top_n ? experts.data[pair] : experts[pair / top_n][pair % top_n];
  };
  for (int e = thread; e < num_experts; e += kPlanThreads) counts[e] = 0;
  __syncthreads();
#pragma unroll 4
  for (int p = thread; p < pairs; p += kPlanThreads) {
    const std::int32_t expert = expert_of(p);
    if (expert >= 0 && expert < num_experts) atomicAdd(&counts[expert], 1);
  }
  __syncthreads();
  Position before(0);
  for (int first = 0; first < num_experts; first += kPlanThreads) {
    const int e = first + thread;
    const std::int32_t count = e < num_experts ? counts[e] : 0;
    const std::int32_t tiles = (count + cut.rows - 1) / cut.rows;
    const std::int32_t steps = (count + cut.step - 1) / cut.step;
    std::uint64_t total;
    const Position end(before.packed + plan_inclusive_sum(Position(count, tiles).packed, total));
    const std::int32_t row = end.rows() - count, tile = end.tiles() - tiles;
    for (std::int32_t i = 0; i < tiles; ++i) {
      // 64 bits: a single expert may have all rows there are.
      const auto step = [&](std::int32_t n) {
        return static_cast<std::int32_t>(std::int64_t{steps} * n / tiles) * cut.step;
      };
      out.tiles[tile + i] = {e, row + step(i), row + min(count, step(i + 1)), tile, tiles};
    }
    if (e < num_experts) {
      counts[e] = row;
      if (load != nullptr) load[e] += count;
    }
    before.packed += total;
  }
  if (thread == 0) *out.num_tiles = before.tiles();
  if (thread < 2) out.next_work[thread] = 0;
  __syncthreads();
#pragma unroll 4
  for (int p = thread; p < pairs; p += kPlanThreads) {
    const std::int32_t expert = expert_of(p);
    const bool known = expert >= 0 && expert < num_experts;
    const std::int32_t row = known ? atomicAdd(&counts[expert], 1) : -1;
    out.row_of[p] = row;
    if (known) out.pair_at[row] = p;
  }
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kCombineThreads)
    combine_kernel(const float* parts, const std::int32_t* row_of, cuda::Rows<const float> weights,
                   cuda::Rows<T> out, int top_n, int hidden) {
  const std::int64_t token = blockIdx.x;
  for (int i = static_cast<int>(threadIdx.x) * kWidth; i < hidden; i += kCombineThreads * kWidth) {
    float sums[kWidth] = {};
#pragma unroll 4
    for (int n = 0; n < top_n; ++n) {
      const std::int32_t row = row_of[token * top_n + n];
      const float weight = row < 0 ? cuda::quiet_nan() : weights[token][n];
      const auto part = cuda::load_pack<kWidth>(parts + std::int64_t{max(row, 0)} * hidden + i);
#pragma unroll
      for (int w = 0; w < kWidth; ++w) sums[w] = fmaf(weight, part.values[w], sums[w]);
    }
    cuda::Pack<T, kWidth> packed;
#pragma unroll
    for (int w = 0; w < kWidth; ++w) cuda::store(packed.values[w], sums[w]);
    cuda::store_pack<kWidth>(out[token] + i, packed);
  }
}

}  // namespace

void plan_groups(const cuda::Launch& launch, const ConstTensorView& experts, int num_experts,
                 TileCut cut, std::int64_t* load, const Grouping& out) {
  const std::size_t shared = static_cast<std::size_t>(num_experts) * sizeof(std::int32_t);
  plan_kernel<<<1, kPlanThreads, shared, launch.stream()>>>(
      cuda::rows<const std::int32_t>(experts), static_cast<int>(experts.num_elements()),
      static_cast<int>(experts.dim(1)), num_experts, cut, load, out);
  launch.check();
}

void combine_groups(const cuda::Launch& launch, const float* parts, const Grouping& grouping,
                    const ConstTensorView& weights, const TensorView& out) {
  const int top_n = static_cast<int>(weights.dim(1)), hidden = static_cast<int>(out.dim(1));
  const unsigned tokens = cuda::grid_size(out.dim(0));
  cuda::with_activation_type(out.dtype(), [&]<class T>(T) {
    constexpr int kWide = 4;
    const bool wide = hidden % kWide == 0 && out.stride(0) % kWide == 0 &&
                      reinterpret_cast<std::uintptr_t>(out.raw()) % (kWide * sizeof(T)) == 0;
    const auto kernel = wide ? combine_kernel<T, kWide> : combine_kernel<T, 1>;
    kernel<<<tokens, kCombineThreads, 0, launch.stream()>>>(parts, grouping.row_of,
                                                            cuda::rows<const float>(weights),
                                                            cuda::rows<T>(out), top_n, hidden);
  });
  launch.check();
}

}  // namespace dsabench::ops::detail
