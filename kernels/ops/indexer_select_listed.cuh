#pragma once
/// Exact selection of a row's best among a list of candidates, one block a row. The list is in no
/// order: what is selected is marked in a bitmap over the row's keys, so that positions come out
/// ascending.
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

/// Marks in `bitmap`, beside what is marked there, those of `count` entries (the bits of a score,
/// and its position) that are not below the one of rank `rank` within `start`, and writes the row.
/// `best_below` is the thread's largest score that is in no list, but below.
__device__ __forceinline__ void select_listed(SelectShared& shared, const SelectOutputs& out,
                                              std::int64_t at, const uint2* entries, int count,
                                              std::uint32_t* bitmap, int num_words,
                                              std::uint32_t rank, SelectStart start = {},
                                              std::uint32_t best_below = 0) {
  const auto score_of = [&](int i) { return cuda::ordered_bits(__uint_as_float(entries[i].x)); };
  const std::uint32_t worst = select_rank(
      shared, count, rank,
      [&](int i, std::uint32_t& key) {
        key = score_of(i);
        return true;
      },
      start);
  const std::uint32_t ties = shared.rank;
  const bool tie_left_out = shared.size > ties;
  std::uint32_t last_tie = ~0u;  // highest position among the equal scores that are selected
  if (tie_left_out) {
    __syncthreads();  // rank and size have been read
    last_tie = ~select_rank(shared, count, ties, [&](int i, std::uint32_t& key) {
      key = ~entries[i].y;
      return score_of(i) == worst;
    });
  }
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kSelectThreads) {
    const std::uint32_t score = score_of(i);
    if (score < worst) {
      best_below = max(best_below, score);
      continue;
    }
    const std::uint32_t position = entries[i].y;
    if (score == worst && position > last_tie) continue;
    atomicOr(&bitmap[position / 32], 1u << (position % 32));
  }
  __syncthreads();
  write_bitmap(shared, bitmap, num_words, out.indices[at]);
  write_margin(out, at, worst, best_below, tie_left_out);
}

}  // namespace dsabench::ops::detail
