#pragma once
/// Exact selection of the best top_k of a row's candidate list, one block a row. The list is in no
/// order: what is selected is marked in a bitmap over the row's keys, so that positions come out
/// ascending.
#include "kernels/ops/indexer_candidates.cuh"
#include "kernels/ops/indexer_select.cuh"

namespace dsabench::ops::detail {

/// Writes the set bits of `bitmap` in ascending order.
__device__ __forceinline__ void write_bitmap(SelectShared& shared, const std::uint32_t* bitmap,
                                             int num_words, std::int32_t* indices) {
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % cuda::kWarpSize, warp = thread / cuda::kWarpSize;
  // An odd number of words a thread, so that banks do not collide.
  const int each = (num_words + kSelectThreads - 1) / kSelectThreads | 1;
  const int begin = min(num_words, thread * each), end = min(num_words, begin + each);
  std::uint32_t count = 0;
  for (int w = begin; w < end; ++w) count += static_cast<std::uint32_t>(__popc(bitmap[w]));
  const std::uint32_t upto = cuda::warp_inclusive_sum(count);
  if (lane == cuda::kWarpSize - 1) shared.warp_sums[warp] = upto;
  __syncthreads();
  std::uint32_t slot = upto - count;
  for (int w = 0; w < warp; ++w) slot += shared.warp_sums[w];
  for (int w = begin; w < end; ++w) {
    for (std::uint32_t bits = bitmap[w]; bits != 0; bits &= bits - 1) {
      indices[slot++] = w * 32 + __ffs(static_cast<int>(bits)) - 1;
    }
  }
}

__global__ void __launch_bounds__(kSelectThreads)
    select_candidates_kernel(const __grid_constant__ ScoreBatch batch, const CandidateLists lists,
                             const SelectOutputs out, unsigned long long* run_counter) {
  extern __shared__ std::uint32_t bitmap[];
  __shared__ SelectShared shared;
  if (run_counter != nullptr && blockIdx.x == 0 && threadIdx.x == 0) atomicAdd(run_counter, 1ULL);
  const SelectRow row = find_row(batch);
  if (row.segment == nullptr) return;
  if (row.num_keys <= out.top_k) return select_all(out, row.packed, row.num_keys);
  const std::int64_t list = row.segment->scores_begin + row.row;
  const uint2* entries = lists.row(list);
  const int count = lists.counts[list], num_words = (row.num_keys + 31) / 32;
  const auto thread = static_cast<int>(threadIdx.x);
  for (int w = thread; w < num_words; w += kSelectThreads) bitmap[w] = 0;

  const std::uint32_t worst = select_rank(shared, count, static_cast<std::uint32_t>(out.top_k),
                                          [&](int i, std::uint32_t& key) {
                                            key = ordered(entries[i].x);
                                            return true;
                                          });
  const std::uint32_t rank = shared.rank;
  const bool tie_left_out = shared.size > rank;
  std::uint32_t last_tie = ~0u;  // highest position among the equal scores that are selected
  if (tie_left_out) {
    __syncthreads();  // rank and size have been read
    last_tie =
        static_cast<std::int32_t>(~select_rank(shared, count, rank, [&](int i, std::uint32_t& key) {
          key = ~entries[i].y;
          return ordered(entries[i].x) == worst;
        }));
  }
  std::uint32_t best_below = 0;
  for (int i = thread; i < count; i += kSelectThreads) {
    const std::uint32_t score = ordered(entries[i].x);
    if (score < worst) {
      best_below = max(best_below, score);
      continue;
    }
    const std::uint32_t position = entries[i].y;
    if (score == worst && position > last_tie) continue;
    atomicOr(&bitmap[position / 32], 1u << (position % 32));
  }
  __syncthreads();
  write_bitmap(shared, bitmap, num_words, out.indices[row.packed]);
  write_margin(out, row.packed, worst, best_below, tie_left_out);
}

}  // namespace dsabench::ops::detail
