#pragma once
/// Reductions over a warp or a block, always in the same order.
#include <cstdint>

namespace dsabench::cuda {

inline constexpr int kWarpSize = 32;

__device__ __forceinline__ float warp_sum(float value) {
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(~0u, value, step);
  return value;
}
__device__ __forceinline__ float warp_max(float value) {
  for (int step = 16; step > 0; step /= 2) {
    value = fmaxf(value, __shfl_xor_sync(~0u, value, step));
  }
  return value;
}
__device__ __forceinline__ std::uint64_t warp_max(std::uint64_t value) {
  for (int step = 16; step > 0; step /= 2) {
    const std::uint64_t other = __shfl_xor_sync(~0u, value, step);
    if (other > value) value = other;
  }
  return value;
}

/// The sum over the lanes up to and with this one.
template <class T>
__device__ __forceinline__ T warp_inclusive_sum(T value) {
  for (int step = 1; step < kWarpSize; step *= 2) {
    const T other = __shfl_up_sync(~0u, value, step);
    if (static_cast<int>(threadIdx.x) % kWarpSize >= step) value += other;
  }
  return value;
}

/// The sum over a block of whole warps, given to every thread. All threads call it.
__device__ __forceinline__ float block_sum(float value) {
  __shared__ float parts[kWarpSize];
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int warps = static_cast<int>(blockDim.x) / kWarpSize;
  value = warp_sum(value);
  __syncthreads();  // the parts of an earlier call have been read
  if (lane == 0) parts[warp] = value;
  __syncthreads();
  return warp_sum(lane < warps ? parts[lane] : 0.0f);
}

/// The largest of a block of whole warps, given to every thread; none is below 0. All threads call
/// it.
template <class T>
__device__ __forceinline__ T block_max(T value) {
  __shared__ T parts[kWarpSize];
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int warps = static_cast<int>(blockDim.x) / kWarpSize;
  value = warp_max(value);
  __syncthreads();
  if (lane == 0) parts[warp] = value;
  __syncthreads();
  return warp_max(lane < warps ? parts[lane] : T{0});
}

}  // namespace dsabench::cuda
