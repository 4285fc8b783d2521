#pragma once
/// Lists of the keys that may still be among a query's best: what a scan over all keys appends to,
/// in any order, and cuts back, exactly, whenever a list is nearly full.
#include <cstdint>

#include "kernels/cuda/numeric.cuh"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/sm90.cuh"

namespace dsabench::ops::detail {

/// One list a row.
struct CandidateLists {
  uint2* entries;  ///< [rows, capacity], fewer than 2^32: the bits of a score, and its position
  std::int32_t* counts;   ///< [rows], or kTooFew
  std::int32_t capacity;  ///< a multiple of 4
  /// What a cut leaves: top_k and one more, so that the margin is known.
  std::int32_t keep;

  /// The bound that a scan began with was too high.
  static constexpr std::int32_t kTooFew = -1;

  __device__ __forceinline__ uint2* row(std::int64_t row) const { return entries + row * capacity; }
};

/// A score's bits as they order.
__device__ __forceinline__ std::uint32_t ordered(std::uint32_t bits) {
  return cuda::ordered_bits(__uint_as_float(bits));
}

/// Entries i .. i + 3 of a list, i a multiple of 4: scores as they order, and positions.
struct FourEntries {
  std::uint32_t scores[4], positions[4];
};
__device__ __forceinline__ FourEntries load_four(const uint2* list, int i) {
  const uint4 low = __ldcg(reinterpret_cast<const uint4*>(list + i));
  const uint4 high = __ldcg(reinterpret_cast<const uint4*>(list + i + 2));
  return {{ordered(low.x), ordered(low.z), ordered(high.x), ordered(high.z)},
          {low.y, low.w, high.y, high.w}};
}

inline constexpr int kRankBins = 2048;

/// The rank-th largest of a set of keys: its value, its rank among those that equal it (from 1) and
/// how many do.
struct Ranked {
  std::uint32_t value, rank, size;
};

/// By one warp: the bin of the rank-th largest counted key, its rank within and its size.
__device__ __forceinline__ Ranked warp_find_bin(const std::uint32_t* bins, std::uint32_t rank) {
  const int lane = static_cast<int>(threadIdx.x) % cuda::kWarpSize;
  constexpr int kEach = kRankBins / cuda::kWarpSize;
  // Lane 0 holds the 64 highest bins, and so on; read in turns, so that banks do not collide.
  const std::uint32_t* own = bins + kRankBins - kEach * (lane + 1);
  std::uint32_t sum = 0;
#pragma unroll 8
  for (int i = 0; i < kEach; ++i) sum += own[(i + lane) % kEach];
  std::uint32_t upto = cuda::warp_inclusive_sum(sum);
  const int holder = __ffs(static_cast<int>(__ballot_sync(~0u, upto >= rank))) - 1;
  rank -= __shfl_sync(~0u, upto - sum, holder);
  // Among those 64, two a lane from the top.
  const int high = kRankBins - kEach * holder - 1 - 2 * lane;
  const std::uint32_t first = bins[high], second = bins[high - 1];
  upto = cuda::warp_inclusive_sum(first + second);
  const int place = __ffs(static_cast<int>(__ballot_sync(~0u, upto >= rank))) - 1;
  const std::uint32_t before = upto - first - second;
  const bool in_first = rank <= before + first;
  const Ranked found{static_cast<std::uint32_t>(in_first ? high : high - 1),
                     rank - before - (in_first ? 0 : first), in_first ? first : second};
  return {__shfl_sync(~0u, found.value, place), __shfl_sync(~0u, found.rank, place),
          __shfl_sync(~0u, found.size, place)};
}

/// Two warps that cut a list together. All threads of both call what takes a team.
struct CutTeam {
  static constexpr int kThreads = 2 * cuda::kWarpSize;
  std::uint32_t* bins;  ///< kRankBins words of shared memory
  int* kept;            ///< a word likewise
  int barrier;          ///< a named barrier of its own

  __device__ __forceinline__ static int thread() {
    return static_cast<int>(threadIdx.x) % kThreads;
  }
  __device__ __forceinline__ void sync() const { cuda::sm90::named_barrier(barrier, kThreads); }
};

/// The rank-th largest key of load4(i, keys, counted), which gives elements i .. i + 3 of n (i a
/// multiple of 4) and whether each counts.
template <class Load4>
__device__ __forceinline__ Ranked team_select(const CutTeam& team, int n, std::uint32_t rank,
                                              Load4&& load4) {
  constexpr int kAtOnce = 4, kStep = 4 * CutTeam::kThreads;
  Ranked found{0, rank, 0};
#pragma unroll 1
  for (int pass = 0; pass < 3; ++pass) {
    const int shift = pass == 0 ? 21 : pass == 1 ? 10 : 0, width = pass == 2 ? 10 : 11;
    for (int i = CutTeam::thread(); i < kRankBins / 4; i += CutTeam::kThreads) {
      reinterpret_cast<uint4*>(team.bins)[i] = make_uint4(0, 0, 0, 0);
    }
    team.sync();
    for (int base = 4 * CutTeam::thread(); base < n; base += kStep * kAtOnce) {
      std::uint32_t keys[kAtOnce][4];
      bool counted[kAtOnce][4] = {};
#pragma unroll
      for (int u = 0; u < kAtOnce; ++u) {
        if (base + kStep * u < n) load4(base + kStep * u, keys[u], counted[u]);
      }
#pragma unroll
      for (int u = 0; u < kAtOnce; ++u) {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          const bool in_list = base + kStep * u + j < n && counted[u][j];
          if (in_list && (pass == 0 || keys[u][j] >> (shift + width) == found.value)) {
            atomicAdd(&team.bins[keys[u][j] >> shift & ((1u << width) - 1)], 1u);
          }
        }
      }
    }
    team.sync();
    const Ranked bin = warp_find_bin(team.bins, found.rank);
    found = {found.value << width | bin.value, bin.rank, bin.size};
    team.sync();
  }
  return found;
}

/// By one warp: moves those of entries [begin, end) for which stays(score, position) holds to `to`
/// <= begin and on, in the order they have. How many there are.
template <class Stays>
__device__ __forceinline__ int warp_compact(uint2* list, int begin, int end, int to,
                                            Stays&& stays) {
  constexpr int kAtOnce = 8;
  const int lane = static_cast<int>(threadIdx.x) % cuda::kWarpSize;
  const std::uint32_t lower_lanes = (1u << lane) - 1;
  int kept = 0;
  for (int base = begin; base < end; base += kAtOnce * cuda::kWarpSize) {
    uint2 entries[kAtOnce];
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      entries[u] = __ldcg(list + min(base + u * cuda::kWarpSize + lane, end - 1));
    }
    __syncwarp();  // all of these are read before any is overwritten
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      const bool here =
          base + u * cuda::kWarpSize + lane < end && stays(entries[u].x, entries[u].y);
      const std::uint32_t mask = __ballot_sync(~0u, here);
      if (here) list[to + kept + __popc(mask & lower_lanes)] = entries[u];
      kept += __popc(mask);
    }
  }
  return kept;
}

/// Cuts the list of `row`, n > keep long, back to its best `keep`, equal scores by lower position,
/// in the order they have. Returns the worst score left, as it orders.
__device__ __forceinline__ std::uint32_t team_cut(const CutTeam& team, const CandidateLists& lists,
                                                  std::int64_t row, int n) {
  uint2* list = lists.row(row);
  const auto keep = static_cast<std::uint32_t>(lists.keep);
  const Ranked worst =
      team_select(team, n, keep, [&](int i, std::uint32_t(&keys)[4], bool(&counted)[4]) {
        const FourEntries four = load_four(list, i);
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          keys[j] = four.scores[j];
          counted[j] = true;
        }
      });
  std::uint32_t last_tie = ~0u;  // highest position among the equal scores that stay
  if (worst.size > worst.rank) {
    const Ranked tie =
        team_select(team, n, worst.rank, [&](int i, std::uint32_t(&keys)[4], bool(&counted)[4]) {
          const FourEntries four = load_four(list, i);
#pragma unroll
          for (int j = 0; j < 4; ++j) {
            keys[j] = ~four.positions[j];
            counted[j] = four.scores[j] == worst.value;
          }
        });
    last_tie = ~tie.value;
  }
  // Each warp closes the gaps of its half, and then the second half moves up to the first.
  const int half = n / 2, warp = CutTeam::thread() / cuda::kWarpSize;
  const int begin = warp == 0 ? 0 : half, end = warp == 0 ? half : n;
  const int kept =
      warp_compact(list, begin, end, begin, [&](std::uint32_t score, std::uint32_t position) {
        const std::uint32_t key = ordered(score);
        return key > worst.value || (key == worst.value && position <= last_tie);
      });
  if (CutTeam::thread() == 0) *team.kept = kept;
  team.sync();
  if (warp == 1) {
    warp_compact(list, half, half + kept, *team.kept,
                 [](std::uint32_t, std::uint32_t) { return true; });
  }
  return worst.value;
}

}  // namespace dsabench::ops::detail
