#pragma once
/// Exact selection of the best top_k of a row of scores in global memory, one block a row: three
/// histograms find the k-th largest score bit by bit, then every warp writes what its stretch of
/// the row holds, so that positions come out ascending and ties go to the lowest. Nothing
/// overflows, whatever the scores.
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/indexer_topk_batches.h"

namespace dsabench::ops::detail {

inline constexpr int kSelectThreads = 1024;
inline constexpr int kSelectWarps = kSelectThreads / cuda::kWarpSize;
inline constexpr int kBins = 2048;

struct SelectOutputs {
  cuda::Rows<std::int32_t> indices;
  float* margins;  ///< null where the caller wants none
  std::int32_t top_k;
};

inline SelectOutputs select_outputs(const IndexerTopkArgs& args) {
  return {cuda::rows<std::int32_t>(args.indices),
          args.margins.empty() ? nullptr : args.margins.data<float>(),
          static_cast<std::int32_t>(args.top_k)};
}

struct SelectShared {
  std::uint32_t bins[kBins];
  std::uint32_t warp_sums[kSelectWarps];
  std::uint32_t above[kSelectWarps], equal[kSelectWarps];
  std::uint32_t bin, rank, size;
};

/// Counts the keys whose bits above `shift + width` are `prefix` by their next `width` bits;
/// key_of(i, key) gives key i of n and whether it takes part.
template <class KeyOf>
__device__ __forceinline__ void count_bins(SelectShared& shared, int n, std::uint32_t prefix,
                                           int shift, int width, KeyOf&& key_of) {
  for (int i = static_cast<int>(threadIdx.x); i < kBins; i += kSelectThreads) shared.bins[i] = 0;
  __syncthreads();
  const std::uint32_t mask = (1u << width) - 1;
  for (int base = 0; base < n; base += kSelectThreads) {
    const int i = base + static_cast<int>(threadIdx.x);
    std::uint32_t key = 0;
    const bool counts =
        i < n && key_of(i, key) && (shift + width >= 32 || key >> (shift + width) == prefix);
    const std::uint32_t bin = counts ? key >> shift & mask : kBins;
    // Narrow rows put a whole warp into one bin: one addition for all of it.
    int uniform = 0;
    __match_all_sync(~0u, bin, &uniform);
    if (uniform != 0) {
      if (counts && threadIdx.x % cuda::kWarpSize == 0) {
        atomicAdd(&shared.bins[bin], static_cast<std::uint32_t>(cuda::kWarpSize));
      }
    } else if (counts) {
      atomicAdd(&shared.bins[bin], 1u);
    }
  }
  __syncthreads();
}

/// Finds the bin of the rank-th largest counted score (rank from 1), its rank within the bin and
/// the bin's size.
__device__ __forceinline__ void find_bin(SelectShared& shared, std::uint32_t rank) {
  const int lane = static_cast<int>(threadIdx.x) % cuda::kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / cuda::kWarpSize;
  // Thread i holds the i-th pair of bins from the top.
  const int high = kBins - 1 - 2 * static_cast<int>(threadIdx.x);
  const std::uint32_t first = shared.bins[high], second = shared.bins[high - 1];
  const std::uint32_t in_warp = cuda::warp_inclusive_sum(first + second);
  if (lane == cuda::kWarpSize - 1) shared.warp_sums[warp] = in_warp;
  __syncthreads();
  std::uint32_t before = in_warp - first - second;
  for (int w = 0; w < warp; ++w) before += shared.warp_sums[w];
  if (before < rank && rank <= before + first + second) {
    const bool in_first = rank <= before + first;
    shared.bin = static_cast<std::uint32_t>(in_first ? high : high - 1);
    shared.rank = rank - before - (in_first ? 0 : first);
    shared.size = in_first ? first : second;
  }
  __syncthreads();
}

/// Where a search begins: after `passes` of its three, `prefix` are the highest bits of what is
/// searched.
struct SelectStart {
  std::uint32_t prefix = 0;
  int passes = 0;
};
inline constexpr int kFirstShift = 21;

/// The rank-th largest of the keys that take part; leaves its rank among its equals in shared.rank
/// and their number in shared.size.
template <class KeyOf>
__device__ __forceinline__ std::uint32_t select_rank(SelectShared& shared, int n,
                                                     std::uint32_t rank, KeyOf&& key_of,
                                                     SelectStart start = {}) {
  constexpr int kShifts[] = {kFirstShift, 10, 0}, kWidths[] = {11, 11, 10};
  std::uint32_t value = start.prefix;
  for (int pass = start.passes; pass < 3; ++pass) {
    count_bins(shared, n, value, kShifts[pass], kWidths[pass], key_of);
    find_bin(shared, rank);
    value = value << kWidths[pass] | shared.bin;
    rank = shared.rank;
  }
  return value;
}

/// A row of the batch.
struct SelectRow {
  const ScoreSegment* segment;  ///< null beyond the batch's rows
  int row;                      ///< of the segment
  int num_keys;                 ///< causal
  std::int64_t packed;
};
__device__ __forceinline__ SelectRow find_row(const ScoreBatch& batch, unsigned index) {
  int r = static_cast<int>(index), s = 0;
  while (s < batch.num_segments && r >= batch.segments[s].num_rows) {
    r -= batch.segments[s++].num_rows;
  }
  if (s == batch.num_segments) return {};
  const ScoreSegment& segment = batch.segments[s];
  return {&segment, r, batch.row_keys(segment, r), segment.row_begin + r};
}
__device__ __forceinline__ SelectRow find_row(const ScoreBatch& batch) {
  return find_row(batch, blockIdx.x);
}

__device__ __forceinline__ void select_all(const SelectOutputs& out, std::int64_t row, int n) {
  for (int i = static_cast<int>(threadIdx.x); i < out.top_k; i += kSelectThreads) {
    out.indices[row][i] = i < n ? i : -1;
  }
  if (out.margins != nullptr && threadIdx.x == 0) out.margins[row] = kNoMargin;
}

/// By the whole block: `best_below` is the thread's largest score below `worst`.
__device__ __forceinline__ void write_margin(const SelectOutputs& out, std::int64_t at,
                                             std::uint32_t worst, std::uint32_t best_below,
                                             bool tie_left_out) {
  if (out.margins == nullptr) return;
  const std::uint64_t below = cuda::block_max(std::uint64_t{best_below});
  if (threadIdx.x != 0) return;
  const float last_in = cuda::ordered_value(worst);
  const float first_out = cuda::ordered_value(static_cast<std::uint32_t>(below));
  if (isnan(last_in) || tie_left_out) {
    out.margins[at] = 0.0f;
  } else {
    out.margins[at] = isnan(first_out) ? kNoMargin : fminf(last_in - first_out, kNoMargin);
  }
}

/// `worst`: the k-th largest score as ordered bits; `ties`: how many equal to it are selected.
__device__ __forceinline__ std::uint32_t write_selected(SelectShared& shared,
                                                        const SelectOutputs& out, std::int64_t at,
                                                        const float* row, int n,
                                                        std::uint32_t worst, std::uint32_t ties) {
  const int lane = static_cast<int>(threadIdx.x) % cuda::kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / cuda::kWarpSize;
  const int length = (n + kSelectThreads - 1) / kSelectThreads * cuda::kWarpSize;
  const int begin = warp * length, end = min(n, begin + length);
  std::uint32_t num_above = 0, num_equal = 0, best_below = 0;
  for (int i = begin + lane; i < end; i += cuda::kWarpSize) {
    const std::uint32_t key = cuda::ordered_bits(row[i]);
    num_above += key > worst ? 1 : 0;
    num_equal += key == worst ? 1 : 0;
    if (key < worst && key > best_below) best_below = key;
  }
  num_above = __reduce_add_sync(~0u, num_above);
  num_equal = __reduce_add_sync(~0u, num_equal);
  if (lane == 0) {
    shared.above[warp] = num_above;
    shared.equal[warp] = num_equal;
  }
  __syncthreads();
  std::uint32_t above = 0, equal = 0;
  for (int w = 0; w < warp; ++w) {
    above += shared.above[w];
    equal += shared.equal[w];
  }
  std::int32_t* indices = out.indices[at];
  const std::uint32_t lower_lanes = (1u << lane) - 1;
  for (int base = begin; base < end; base += cuda::kWarpSize) {
    const int i = base + lane;
    const std::uint32_t key = i < end ? cuda::ordered_bits(row[i]) : 0;
    const std::uint32_t above_mask = __ballot_sync(~0u, i < end && key > worst);
    const std::uint32_t equal_mask = __ballot_sync(~0u, i < end && key == worst);
    const std::uint32_t equal_before = equal + __popc(equal_mask & lower_lanes);
    const std::uint32_t slot = above + __popc(above_mask & lower_lanes) + min(equal_before, ties);
    if (i < end && (key > worst || (key == worst && equal_before < ties))) indices[slot] = i;
    above += __popc(above_mask);
    equal += __popc(equal_mask);
  }
  return best_below;
}

/// The best top_k of n > top_k scores, of which the one of rank `rank` within `start` is the last.
__device__ __forceinline__ void select_scores(SelectShared& shared, const SelectOutputs& out,
                                              std::int64_t at, const float* row, int n,
                                              std::uint32_t rank, SelectStart start = {}) {
  const std::uint32_t worst = select_rank(
      shared, n, rank,
      [&](int i, std::uint32_t& key) {
        key = cuda::ordered_bits(row[i]);
        return true;
      },
      start);
  const std::uint32_t ties = shared.rank;
  const bool tie_left_out = shared.size > ties;
  const std::uint32_t best_below = write_selected(shared, out, at, row, n, worst, ties);
  write_margin(out, at, worst, best_below, tie_left_out);
}

}  // namespace dsabench::ops::detail
