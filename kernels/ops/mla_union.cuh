#pragma once
/// The union of the keys that neighbouring queries selected, each with the set of queries that did.
#include "kernels/cuda/reduce.cuh"
#include "kernels/ops/mla_cuda.h"

namespace dsabench::ops::detail {

inline constexpr int kUnionThreads = 256;
/// Keys of a tile: the words of a union are filled up with zeros to whole tiles.
inline constexpr int kUnionTile = 64;
/// Queries of a group: bits of a key's word above its row in the cache.
inline constexpr int kMaxGroup = 8;
inline constexpr int kPositionBits = 32 - kMaxGroup;
inline constexpr std::uint32_t kPositionMask = (1u << kPositionBits) - 1;

/// One union a group of `group` neighbouring rows of a segment.
struct KeyUnions {
  /// [groups, stride] row in the cache, and bit 24 + q for query q; 0: no key
  std::uint32_t* words;
  std::int32_t* counts;  ///< [groups]
  std::int32_t* broken;  ///< [groups] bit q: query q has an index that it may not have
  std::int32_t group, top_k;
  std::int32_t stride;  ///< group * top_k, whole tiles
};

/// The rows of a group.
struct UnionGroup {
  const MlaSegment* segment;
  int first_row, num_rows;  ///< of the segment
};
__device__ __forceinline__ UnionGroup find_group(const MlaBatch& batch, int index, int group) {
  int s = 0;
  for (;; ++s) {
    const int groups = (batch.segments[s].num_rows + group - 1) / group;
    if (index < groups) break;
    index -= groups;
  }
  const MlaSegment& segment = batch.segments[s];
  return {&segment, index * group, min(group, segment.num_rows - index * group)};
}

/// Sum over the threads before this one; `total` over all. Same for every caller order.
__device__ __forceinline__ int block_exclusive_sum(int value, int* warp_sums, int& total) {
  const int lane = static_cast<int>(threadIdx.x) % cuda::kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / cuda::kWarpSize;
  const int upto = cuda::warp_inclusive_sum(value);
  __syncthreads();  // an earlier call's sums have been read
  if (lane == cuda::kWarpSize - 1) warp_sums[warp] = upto;
  __syncthreads();
  int before = upto - value;
  total = 0;
  for (int w = 0; w < kUnionThreads / cuda::kWarpSize; ++w) {
    if (w < warp) before += warp_sums[w];
    total += warp_sums[w];
  }
  return before;
}

/// Place of `value` in an ascending list, -1 where it is not; a list in another order may hide it.
__device__ __forceinline__ int find_value(const std::int32_t* list, int size, std::int32_t value) {
  int low = 0, high = size;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (list[middle] < value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < size && list[low] == value ? low : -1;
}

/// One block a group. The first query's keys come first, then those that the second adds, and so
/// on: the order depends on the lists alone. A key that a list in no order hides is listed twice,
/// each time with the queries that it was found for: correct, but gathered twice.
__global__ void __launch_bounds__(kUnionThreads)
    union_kernel(const __grid_constant__ MlaBatch batch, const MlaCall call,
                 const KeyUnions unions) {
  constexpr std::int32_t kNoKey = 0x7fffffff;
  extern __shared__ __align__(16) std::int32_t memory[];  // [group, top_k] thrice
  __shared__ int warp_sums[kUnionThreads / cuda::kWarpSize];
  __shared__ int broken;
  const int top_k = unions.top_k, most = unions.group * top_k;
  std::int32_t* lists = memory;
  std::int32_t* slots = memory + most;
  auto* words = reinterpret_cast<std::uint32_t*>(memory + 2 * most);
  const int thread = static_cast<int>(threadIdx.x);
  const UnionGroup group = find_group(batch, static_cast<int>(blockIdx.x), unions.group);
  if (thread == 0) broken = 0;
  __syncthreads();
  for (int i = thread; i < group.num_rows * top_k; i += kUnionThreads) {
    const int row = group.first_row + i / top_k;
    const std::int32_t position = group.segment->first_position + row;
    const std::int32_t key =
        call.indices[(group.segment->row_begin + row) * call.indices_stride + i % top_k];
    if (key < -1 || key > position) atomicOr(&broken, 1 << (i / top_k));
    lists[i] = key < 0 || key > position ? kNoKey : key;
  }
  __syncthreads();
  const int each = (top_k + kUnionThreads - 1) / kUnionThreads;
  const int begin = min(top_k, thread * each), end = min(top_k, begin + each);
  int size = 0;
  for (int q = 0; q < group.num_rows; ++q) {
    const std::int32_t* list = lists + q * top_k;
    std::int32_t* slot = slots + q * top_k;
    int added = 0;
    for (int i = begin; i < end; ++i) {
      int found = -1;
      for (int other = 0; other < q && found < 0 && list[i] != kNoKey; ++other) {
        const int at = find_value(lists + other * top_k, top_k, list[i]);
        if (at >= 0) found = slots[other * top_k + at];
      }
      slot[i] = found;
      added += found < 0 && list[i] != kNoKey ? 1 : 0;
    }
    int total = 0;
    int next = size + block_exclusive_sum(added, warp_sums, total);
    const std::uint32_t bit = 1u << (kPositionBits + q);
    for (int i = begin; i < end; ++i) {
      if (list[i] == kNoKey) continue;
      if (slot[i] < 0) {
        slot[i] = next++;
        words[slot[i]] = static_cast<std::uint32_t>(list[i]) | bit;
      } else {
        atomicOr(&words[slot[i]], bit);  // written in an earlier round
      }
    }
    size += total;
    __syncthreads();
  }
  std::uint32_t* out = unions.words + std::int64_t{blockIdx.x} * unions.stride;
  const int padded = (size + kUnionTile - 1) / kUnionTile * kUnionTile;
  for (int i = thread; i < padded; i += kUnionThreads) {
    const std::uint32_t word = i < size ? words[i] : 0, position = word & kPositionMask;
    const auto row = i < size ? static_cast<std::uint32_t>(group.segment->table.row(position)) : 0;
    out[i] = word - position + row;
  }
  if (thread == 0) {
    unions.counts[blockIdx.x] = size;
    unions.broken[blockIdx.x] = broken;
  }
}

}  // namespace dsabench::ops::detail
