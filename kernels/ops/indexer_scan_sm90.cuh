#pragma once
/// The scan of indexer_topk on sm_90a: scores that never reach memory. A block multiplies 256
/// (query, head) pairs of neighbouring queries with all their keys, sums over heads in registers,
/// and appends what beats the query's bound to the query's candidate list; a list that is nearly
/// full is cut to its best, whose worst is the new bound. Exact: a bound is never above the final
/// one, and keys come in ascending order, so that equals of it come too late.
#include "kernels/ops/indexer_scan_tile_sm90.cuh"

namespace dsabench::ops::detail {

/// d[64 keys, 128 pairs] = keys queries^T.
template <class Stored, int kRowBytes>
__device__ __forceinline__ void multiply_half(float (&d)[64], std::uint64_t keys,
                                              std::uint64_t queries) {
  constexpr std::uint64_t kKeySlab = kScanKeys * cuda::sm90::kSlabRowBytes >> 4;
  constexpr std::uint64_t kQuerySlab = kScanPairs * cuda::sm90::kSlabRowBytes >> 4;
  cuda::sm90::products_begin();
#pragma unroll
  for (int step = 0; step < kRowBytes / 32; ++step) {
    const auto within = static_cast<std::uint64_t>(step % 4 * 2);
    const auto slab = static_cast<std::uint64_t>(step / 4);
    if constexpr (sizeof(Stored) == 1) {
      cuda::sm90::wgmma_n128(d, keys + slab * kKeySlab + within,
                             queries + slab * kQuerySlab + within, step > 0);
    } else {
      cuda::sm90::wgmma_n128_bf16(d, keys + slab * kKeySlab + within,
                                  queries + slab * kQuerySlab + within, step > 0);
    }
  }
  cuda::sm90::products_commit();
  cuda::sm90::products_wait<0>();
  cuda::sm90::hold(d);
}

__device__ __forceinline__ float relu_keeping_nan(float value) {
  float result;
  asm("max.NaN.f32 %0, %1, 0f00000000;" : "=f"(result) : "f"(value));
  return result;
}

/// Sums of relu * weight over the heads of query `own`: of the thread's upper and lower key, or, of
/// 64 heads, of the one key that is left to it.
template <int kHeads>
__device__ __forceinline__ void sum_heads(const float (&d)[64], const float* weights, int own,
                                          float (&scores)[ScanColumns<kHeads>::kRows]) {
  using Columns = ScanColumns<kHeads>;
  float upper[2] = {}, lower[2] = {};
#pragma unroll
  for (int i = 0; i < Columns::kLaneHeads / 4; ++i) {
    const float4 gates = reinterpret_cast<const float4*>(weights)[i];
    const int at = 4 * (own * Columns::kLaneHeads / 2 + 2 * i);
    upper[0] = fmaf(relu_keeping_nan(d[at]), gates.x, upper[0]);
    upper[1] = fmaf(relu_keeping_nan(d[at + 1]), gates.y, upper[1]);
    lower[0] = fmaf(relu_keeping_nan(d[at + 2]), gates.x, lower[0]);
    lower[1] = fmaf(relu_keeping_nan(d[at + 3]), gates.y, lower[1]);
    upper[0] = fmaf(relu_keeping_nan(d[at + 4]), gates.z, upper[0]);
    upper[1] = fmaf(relu_keeping_nan(d[at + 5]), gates.w, upper[1]);
    lower[0] = fmaf(relu_keeping_nan(d[at + 6]), gates.z, lower[0]);
    lower[1] = fmaf(relu_keeping_nan(d[at + 7]), gates.w, lower[1]);
  }
  if constexpr (kHeads == 64) {
    const bool odd = threadIdx.x % 2 != 0;
    const float up = upper[0] + upper[1], low = lower[0] + lower[1];
    scores[0] = (odd ? low : up) + __shfl_xor_sync(~0u, odd ? up : low, 1);
  } else {
    scores[0] = upper[0] + upper[1];
    scores[1] = lower[0] + lower[1];
  }
}

/// One of a thread's own queries.
struct ScanQuery {
  std::uint32_t list;    ///< where its candidates begin
  std::uint32_t* count;  ///< of them, in shared memory
  int limit;             ///< last causal key, -1 for no query
  float bound;           ///< what a score must beat; NaN: nothing
};

/// Appends the score if it is wanted.
__device__ __forceinline__ void offer(const CandidateLists& lists, const ScanQuery& query, int key,
                                      float score) {
  if (key > query.limit || score <= query.bound) return;
  const std::uint32_t at = query.list + atomicAdd(query.count, 1u);
  lists.entries[at] = __float_as_uint(score);
  lists.entries[at + static_cast<std::uint32_t>(lists.capacity)] = static_cast<std::uint32_t>(key);
}

/// kHeads: the heads, padded; kRowBytes: of one key. Blocks take tiles in turn, those with most
/// keys first.
template <class Stored, int kHeads, int kRowBytes>
__global__ void __launch_bounds__(kScanThreads, 1)
    scan_kernel(const __grid_constant__ ScoreBatch batch, const __grid_constant__ ScanMaps maps,
                const ScoreQueries<Stored> queries, const CandidateLists lists, int num_tiles) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using Columns = ScanColumns<kHeads>;
  using Shared = ScanShared<kHeads, kRowBytes>;
  extern __shared__ __align__(1024) unsigned char raw[];
  Shared& shared = *reinterpret_cast<Shared*>(raw);
  const int thread = static_cast<int>(threadIdx.x), warp = thread / cuda::kWarpSize;
  if (thread == 0) {
    for (int s = 0; s < Shared::kStages; ++s) {
      cuda::sm90::barrier_init(&shared.full[s], 1);
      cuda::sm90::barrier_init(&shared.empty[s], kScanWarps);
    }
    cuda::sm90::barrier_init_fence();
  }
  __syncthreads();
  if (thread >= kScanConsumers) {
    cuda::sm90::give_registers<24>();
    if (thread == kScanConsumers) {
      feed_keys<Stored>(shared, batch, maps, queries.top_k, num_tiles);
    }
    return;
  }

  cuda::sm90::take_registers<112>();
  const int lane = thread % cuda::kWarpSize;
  const int group = __shfl_sync(~0u, thread / cuda::sm90::kWarpgroup, 0);  // known to be uniform
  const int key_half = group % 2, query_half = group / 2;
  const int row = key_half * 64 + warp % 4 * 16 + lane / 4;  // of a stage: the thread's upper key
  const std::uint64_t pairs =
      cuda::sm90::row_operand(shared.queries[0]) +
      static_cast<std::uint64_t>(query_half) * (128 * cuda::sm90::kSlabRowBytes >> 4);
  const std::uint64_t keys =
      cuda::sm90::row_operand(shared.keys[0][0] + key_half * 64 * cuda::sm90::kSlabRowBytes);
  // With 64 heads the upper key is an even lane's, the lower an odd one's.
  const int own_row = row + (kHeads == 64 ? lane % 2 * 8 : 0);

  std::uint32_t parity = 0;
  const int team_index = thread / CutTeam::kThreads;
  const CutTeam team{shared.bins[team_index], &shared.kept[team_index], 2 + team_index};

  for (int t = num_tiles - 1 - static_cast<int>(blockIdx.x); t >= 0;
       t -= static_cast<int>(gridDim.x)) {
    const ScanTile tile = scan_tile(batch, t, Shared::kQueries);
    const int stages = tile.num_stages<Shared::kStages>(queries.top_k);
    if (stages == 0) continue;
    load_queries<Stored, kHeads, kRowBytes>(shared, queries, tile);
    if (thread < Shared::kQueries) {
      shared.counts[thread] = 0;
      shared.bounds[thread] = cuda::quiet_nan();
    }
    cuda::sm90::fence_for_products();
    cuda::sm90::named_barrier(1, kScanConsumers);
    ScanQuery own[Columns::kOwn];
    const float* weights[Columns::kOwn];
#pragma unroll
    for (int o = 0; o < Columns::kOwn; ++o) {
      const int query = query_half * Columns::kHalfQueries + Columns::own_query(o);
      weights[o] = shared.weights + query * Shared::kWeightStride + Columns::first_head();
      own[o] = {static_cast<std::uint32_t>((tile.list() + query) * 2 * lists.capacity),
                &shared.counts[query],
                query < tile.num_rows ? tile.num_keys - tile.num_rows + query : -1,
                cuda::quiet_nan()};
    }
    for (int i = 0; i < stages;) {
      const int end = min(i + kScanRound, stages);
      for (; i < end; i += Shared::kStages, parity ^= 1) {
#pragma unroll
        for (int stage = 0; stage < Shared::kStages; ++stage) {
          cuda::sm90::barrier_wait(&shared.full[stage], parity);
          float d[64];
          constexpr int kStageBytes = Shared::kSlabs * Shared::kSlabBytes;
          multiply_half<Stored, kRowBytes>(
              d, keys + static_cast<std::uint64_t>(stage * (kStageBytes >> 4)), pairs);
          float scales[Columns::kRows];
#pragma unroll
          for (int r = 0; r < Columns::kRows; ++r) {
            scales[r] = sizeof(Stored) == 1 ? shared.key_scales[stage][own_row + 8 * r] : 1.0f;
          }
          const int key = (i + stage) * kScanKeys + own_row;
#pragma unroll
          for (int o = 0; o < Columns::kOwn; ++o) {
            float scores[Columns::kRows];
            sum_heads<kHeads>(d, weights[o], o, scores);
#pragma unroll
            for (int r = 0; r < Columns::kRows; ++r) {
              offer(lists, own[o], key + 8 * r, scores[r] * scales[r]);
            }
          }
          __syncwarp();  // not before the scales are used: a load may sink to its use
          if (lane == 0) cuda::sm90::barrier_arrive(&shared.empty[stage]);
        }
      }
      if (i == stages) break;
      cuda::sm90::named_barrier(1, kScanConsumers);
      bool crowded = false;
#pragma unroll
      for (int q = 0; q < Shared::kQueries; ++q) {
        crowded |= static_cast<int>(shared.counts[q]) > lists.capacity - kScanRound * kScanKeys;
      }
      cuda::sm90::named_barrier(1, kScanConsumers);
      if (!crowded) continue;
      for (int q = team_index; q < tile.num_rows; q += kScanTeams) {
        const auto count = static_cast<int>(shared.counts[q]);
        if (count <= lists.keep) continue;
        const std::uint32_t worst = team_cut(team, lists, tile.list() + q, count);
        team.sync();  // both have read the count
        if (CutTeam::thread() == 0) {
          shared.counts[q] = static_cast<std::uint32_t>(lists.keep);
          shared.bounds[q] = cuda::ordered_value(worst);
        }
      }
      cuda::sm90::named_barrier(1, kScanConsumers);
#pragma unroll
      for (int o = 0; o < Columns::kOwn; ++o) {
        const int query = query_half * Columns::kHalfQueries + Columns::own_query(o);
        own[o].bound = shared.bounds[query];
      }
    }
    cuda::sm90::named_barrier(1, kScanConsumers);  // queries and counts are done with
    if (thread < tile.num_rows) {
      lists.counts[tile.list() + thread] = static_cast<std::int32_t>(shared.counts[thread]);
    }
  }
#endif
}

}  // namespace dsabench::ops::detail
