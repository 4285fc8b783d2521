#pragma once
/// Selection of a few rows, many blocks each: every block finds the bins of the k-th and (k+1)-th
/// largest score in the row's histogram, marks what lies above in a bitmap over the row's keys and
/// lists what lies in them; the block of a row that ends last selects among the lists. Where they
/// do not fit into its shared memory (narrow scores), it goes through the row once more for another
/// 11 bits; where these do not tell enough apart either (ties), it searches the whole row.
#include "kernels/cuda/dependent_launch.cuh"
#include "kernels/ops/indexer_select_listed.cuh"

namespace dsabench::ops::detail {

/// Keys that a block looks at in one step, 4 a thread.
inline constexpr int kFewStep = 4 * kSelectThreads;
/// Entries of every block's list that are fetched before its length is known.
inline constexpr int kEarlyEntries = 2 * cuda::kWarpSize;

/// Memory of a launch. Scores, entries and 32 times the bitmap have the same places: a row begins
/// at a multiple of 32.
struct FewSelection {
  const float* scores;
  uint2* entries;  ///< the bits of a score, and its position; kEarlyEntries more
  std::uint32_t* bitmap;
  std::int32_t* counts;       ///< [rows of the batch, blocks of a row]
  std::uint32_t* histograms;  ///< [rows of the batch, kBins], left zero
  std::uint32_t* tickets;     ///< [rows of the batch], left zero
  std::int32_t block_keys;    ///< a multiple of kFewStep
  std::int32_t capacity;      ///< entries that the last block holds in shared memory
};

/// The bins that a row's candidates lie in, and how many scores of the upper one are selected.
struct FewBounds {
  std::uint32_t low, high, rank;
};
__device__ __forceinline__ FewBounds find_few_bounds(SelectShared& shared,
                                                     const std::uint32_t* histogram,
                                                     std::uint32_t top_k) {
  const auto thread = static_cast<int>(threadIdx.x);
  static_assert(kBins == 2 * kSelectThreads);
  reinterpret_cast<uint2*>(shared.bins)[thread] =
      __ldcg(reinterpret_cast<const uint2*>(histogram) + thread);
  __syncthreads();
  find_bin(shared, top_k);
  FewBounds bounds{shared.bin, shared.bin, shared.rank};
  if (shared.rank == shared.size) {
    __syncthreads();  // all have read these
    find_bin(shared, top_k + 1);
    bounds.low = shared.bin;
  }
  return bounds;
}

/// Four neighbouring keys a thread: marks and lists them. Returns nothing; `found` counts entries.
__device__ __forceinline__ void sort_out(const FewSelection& work, const FewBounds& bounds,
                                         std::int64_t row_at, int key, int num_keys, uint2* entries,
                                         std::uint32_t& found) {
  const int lane = static_cast<int>(threadIdx.x) % cuda::kWarpSize;
  float4 four{};
  if (key < num_keys) four = __ldcg(reinterpret_cast<const float4*>(work.scores + row_at + key));
  const float scores[] = {four.x, four.y, four.z, four.w};
  std::uint32_t above = 0, within = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t bin = cuda::ordered_bits(scores[i]) >> kFirstShift;
    const bool there = key + i < num_keys;
    above |= there && bin > bounds.high ? 1u << i : 0u;
    within |= there && bin <= bounds.high && bin >= bounds.low ? 1u << i : 0u;
  }
  std::uint32_t word = above << lane % 8 * 4;
  for (int step = 1; step < 8; step *= 2) word |= __shfl_xor_sync(~0u, word, step);
  if (lane % 8 == 0 && key < num_keys) work.bitmap[(row_at + key) / 32] = word;

  const auto count = static_cast<std::uint32_t>(__popc(within));
  const std::uint32_t upto = cuda::warp_inclusive_sum(count);
  std::uint32_t first = 0;
  if (lane == cuda::kWarpSize - 1 && upto != 0) first = atomicAdd(&found, upto);
  first = __shfl_sync(~0u, first, cuda::kWarpSize - 1) + upto - count;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if ((within >> i & 1u) == 0) continue;
    entries[first++] = make_uint2(__float_as_uint(scores[i]), static_cast<unsigned>(key + i));
  }
}

/// Gathers the blocks' lists into shared memory, in any order, and returns how many entries there
/// are: more than fit, and the list is of no use.
__device__ __forceinline__ int gather_lists(const FewSelection& work, const std::int32_t* counts,
                                            int blocks, std::int64_t row_at, uint2* list,
                                            int& listed) {
  const int lane = static_cast<int>(threadIdx.x) % cuda::kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / cuda::kWarpSize;
  for (int b = warp; b < blocks; b += kSelectWarps) {
    const uint2* entries = work.entries + row_at + std::int64_t{b} * work.block_keys;
    const uint2 early[] = {__ldcg(entries + lane), __ldcg(entries + lane + cuda::kWarpSize)};
    const int count = __ldcg(counts + b);
    int first = 0;
    if (lane == 0) first = atomicAdd(&listed, count);
    first = __shfl_sync(~0u, first, 0);
    if (first + count > work.capacity) continue;
    for (int i = lane; i < count; i += cuda::kWarpSize) {
      list[first + i] = i < cuda::kWarpSize ? early[0]
                        : i < kEarlyEntries ? early[1]
                                            : __ldcg(entries + i);
    }
  }
  __syncthreads();
  return listed;
}

/// By the row's last block, where its candidates do not fit into `list`.
__device__ __forceinline__ void select_narrow(SelectShared& shared, const SelectOutputs& out,
                                              std::int64_t at, const float* row, int n,
                                              const FewBounds& bounds, uint2* list, int capacity,
                                              int& listed, std::uint32_t* bitmap, int num_words) {
  const auto thread = static_cast<int>(threadIdx.x);
  const auto each = [&](auto&& body) {
    constexpr int kLoads = 4;
    for (int begin = 4 * thread; begin < n; begin += kLoads * kFewStep) {
      float4 fours[kLoads];
#pragma unroll
      for (int l = 0; l < kLoads; ++l) {
        const int key = begin + l * kFewStep;
        fours[l] = key < n ? __ldcg(reinterpret_cast<const float4*>(row + key)) : float4{};
      }
#pragma unroll
      for (int l = 0; l < kLoads; ++l) {
        const float scores[] = {fours[l].x, fours[l].y, fours[l].z, fours[l].w};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int key = begin + l * kFewStep + i;
          if (key < n) body(cuda::ordered_bits(scores[i]), scores[i], key);
        }
      }
    }
  };
  constexpr int kNextShift = 10;
  for (int i = thread; i < kBins; i += kSelectThreads) shared.bins[i] = 0;
  __syncthreads();
  each([&](std::uint32_t order, float, int) {
    if (order >> kFirstShift != bounds.high) return;
    atomicAdd(&shared.bins[order >> kNextShift & (kBins - 1)], 1u);
  });
  __syncthreads();
  find_bin(shared, bounds.rank);
  const SelectStart start{bounds.high << (kFirstShift - kNextShift) | shared.bin, 2};
  const std::uint32_t rank = shared.rank;
  const bool fit = shared.size <= static_cast<std::uint32_t>(capacity);
  if (thread == 0) listed = 0;
  __syncthreads();
  if (!fit) return select_scores(shared, out, at, row, n, rank, start);
  std::uint32_t best_below = 0;
  each([&](std::uint32_t order, float score, int key) {
    if (order >> kNextShift < start.prefix) {
      best_below = max(best_below, order);
    } else if (order >> kNextShift == start.prefix) {
      list[atomicAdd(&listed, 1)] = make_uint2(__float_as_uint(score), static_cast<unsigned>(key));
    } else if (order >> kFirstShift == bounds.high) {  // higher ones are marked
      atomicOr(&bitmap[key / 32], 1u << (key % 32));
    }
  });
  __syncthreads();
  select_listed(shared, out, at, list, listed, bitmap, num_words, rank, start, best_below);
}

/// blockIdx.x counts a row's blocks, blockIdx.y rows.
__global__ void __launch_bounds__(kSelectThreads)
    few_select_kernel(const __grid_constant__ ScoreBatch batch, const FewSelection work,
                      const SelectOutputs out, unsigned long long* run_counter) {
  extern __shared__ __align__(16) uint2 list[];  // and then the bitmap
  __shared__ SelectShared shared;
  __shared__ std::uint32_t found;
  __shared__ int listed;
  const auto thread = static_cast<int>(threadIdx.x);
  const SelectRow row = find_row(batch, blockIdx.y);
  cuda::wait_for_previous_kernel();
  if (run_counter != nullptr && blockIdx.x == 0 && blockIdx.y == 0 && thread == 0) {
    atomicAdd(run_counter, 1ULL);
  }
  if (row.segment == nullptr) return;
  const int n = row.num_keys;
  const auto block = static_cast<int>(blockIdx.x);
  if (n <= out.top_k) {
    if (block == 0) select_all(out, row.packed, n);
    return;
  }
  const int begin = block * work.block_keys;
  if (begin >= n) return;
  const std::int64_t row_at =
      row.segment->scores_begin + std::int64_t{row.row} * row.segment->score_stride;
  std::uint32_t* histogram = work.histograms + std::int64_t{blockIdx.y} * kBins;
  if (thread == 0) found = 0, listed = 0;
  const FewBounds bounds =
      find_few_bounds(shared, histogram, static_cast<std::uint32_t>(out.top_k));
  const int end = min(n, begin + work.block_keys);
  for (int key = begin + 4 * thread; key < begin + work.block_keys; key += kFewStep) {
    if (key - 4 * thread >= end) break;
    sort_out(work, bounds, row_at, key, end, work.entries + row_at + begin, found);
  }

  std::int32_t* counts = work.counts + std::int64_t{blockIdx.y} * gridDim.x;
  const int blocks = (n + work.block_keys - 1) / work.block_keys;
  __threadfence();
  __syncthreads();
  if (thread == 0) {
    counts[block] = static_cast<std::int32_t>(found);
    __threadfence();
    shared.size = atomicAdd(&work.tickets[blockIdx.y], 1u);
  }
  __syncthreads();
  if (shared.size != static_cast<std::uint32_t>(blocks) - 1) return;
  __threadfence();

  auto* bitmap = reinterpret_cast<std::uint32_t*>(list + work.capacity);
  const int num_words = (n + 31) / 32;
  for (int w = thread; w < num_words; w += kSelectThreads) {
    bitmap[w] = __ldcg(work.bitmap + row_at / 32 + w);
  }
  reinterpret_cast<uint2*>(histogram)[thread] = make_uint2(0, 0);
  if (thread == 0) work.tickets[blockIdx.y] = 0;
  const int count = gather_lists(work, counts, blocks, row_at, list, listed);
  if (count <= work.capacity) {
    select_listed(shared, out, row.packed, list, count, bitmap, num_words, bounds.rank,
                  {bounds.high, 1});
  } else {
    select_narrow(shared, out, row.packed, work.scores + row_at, n, bounds, list, work.capacity,
                  listed, bitmap, num_words);
  }
}

}  // namespace dsabench::ops::detail
