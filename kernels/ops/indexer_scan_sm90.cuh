#pragma once
/// The scan of indexer_topk on sm_90a: scores that never reach memory. A block multiplies 256
/// (query, head) pairs of neighbouring queries with all their keys, sums over heads in registers,
/// and appends what beats the query's bound to the query's candidate list; a list that is nearly
/// full is cut to its best, whose worst is the new bound. The first bound is guessed from a sample
/// of the keys. Exact: a bound by a cut is never above the final one, and keys come in ascending
/// order, so that equals of it come too late; a guess that leaves too few is told by the count, and
/// the tile is scanned again without one.
#include "kernels/ops/indexer_scan_tile_sm90.cuh"

namespace dsabench::ops::detail {

/// d[64 keys, 128 pairs] = keys queries^T, not awaited.
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
}

__device__ __forceinline__ float relu_keeping_nan(float value) {
  float result;
  asm("max.NaN.f32 %0, %1, 0f00000000;" : "=f"(result) : "f"(value));
  return result;
}

/// One of a thread's own queries.
template <int kHeads>
struct ScanQuery {
  float weights[ScanColumns<kHeads>::kLaneHeads];  ///< of the heads that this thread sums
  std::uint32_t list;                              ///< where its candidates begin
  std::uint32_t* count;                            ///< of them, in shared memory
  int limit;                                       ///< last causal key, -1 for no query
  float bound;                                     ///< what a score must beat; NaN: nothing
};

/// Sums of relu * weight over the heads of the thread's query `own`: of its upper and lower key,
/// or, of 64 heads, of the one key that is left to it.
template <int kHeads>
__device__ __forceinline__ void sum_heads(const float (&d)[64], const ScanQuery<kHeads>& query,
                                          int own, float (&scores)[ScanColumns<kHeads>::kRows]) {
  using Columns = ScanColumns<kHeads>;
  float upper[2] = {}, lower[2] = {};
#pragma unroll
  for (int i = 0; i < Columns::kLaneHeads; ++i) {
    const int at = 4 * (own * Columns::kLaneHeads / 2 + i / 2) + i % 2;
    upper[i % 2] = fmaf(relu_keeping_nan(d[at]), query.weights[i], upper[i % 2]);
    lower[i % 2] = fmaf(relu_keeping_nan(d[at + 2]), query.weights[i], lower[i % 2]);
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

/// Appends the score if it is wanted. Predicated, not branched around: in most warps some lane
/// appends.
template <int kHeads>
__device__ __forceinline__ void offer(const CandidateLists& lists, const ScanQuery<kHeads>& query,
                                      int key, float score) {
  const bool wanted = key <= query.limit && !(score <= query.bound);
  const std::uint32_t count = cuda::shared_address(query.count);
  asm volatile(
      "{\n.reg .pred wanted;\n.reg .u32 slot;\n.reg .u64 to;\n"
      "setp.ne.u32 wanted, %0, 0;\n"
      "@wanted atom.shared.add.u32 slot, [%1], 1;\n"
      "@wanted add.u32 slot, slot, %2;\n"
      "mad.wide.u32 to, slot, 8, %3;\n"
      "@wanted st.global.v2.u32 [to], {%4, %5};\n}" ::"r"(static_cast<unsigned>(wanted)),
      "r"(count), "r"(query.list), "l"(lists.entries), "r"(__float_as_uint(score)), "r"(key)
      : "memory");
}

/// The consumers' ring: multiplies `count` stages, whole rings, with the warpgroup's pairs and
/// hands the products of each half of a stage's keys to take(stage's number, place in the ring,
/// half, products) while the next half's are on the way; calls between(stages done) after each
/// ring. The compiler keeps no product unfinished across the end of a loop's body: hence whole
/// rings, unrolled.
template <class Stored, int kHeads, int kRowBytes, class Take, class Between>
__device__ __forceinline__ void multiply_stages(ScanShared<kHeads, kRowBytes>& shared,
                                                std::uint32_t& parity, std::uint64_t pairs,
                                                int count, Take&& take, Between&& between) {
  using Shared = ScanShared<kHeads, kRowBytes>;
  constexpr std::uint64_t kStage = Shared::kSlabs * Shared::kSlabBytes >> 4;
  constexpr std::uint64_t kHalf = 64 * cuda::sm90::kSlabRowBytes >> 4;
  const std::uint64_t keys = cuda::sm90::row_operand(shared.keys[0][0]);
  const auto multiply = [&](float(&d)[64], int stage, int half) {
    multiply_half<Stored, kRowBytes>(
        d, keys + static_cast<std::uint64_t>(stage) * kStage + (half == 0 ? 0 : kHalf), pairs);
  };
  float upper[64], lower[64];
#pragma unroll 1
  for (int i = 0; i < count; i += Shared::kStages, parity ^= 1) {
    cuda::sm90::barrier_wait(&shared.full[0], parity);
    multiply(upper, 0, 0);
#pragma unroll
    for (int stage = 0; stage < Shared::kStages; ++stage) {
      multiply(lower, stage, 1);
      cuda::sm90::products_wait<1>();
      cuda::sm90::hold(upper);
      take(i + stage, stage, 0, upper);
      if (stage + 1 < Shared::kStages) {
        cuda::sm90::barrier_wait(&shared.full[stage + 1], parity);
        multiply(upper, stage + 1, 0);
        cuda::sm90::products_wait<1>();
      } else {
        cuda::sm90::products_wait<0>();
      }
      cuda::sm90::hold(lower);
      take(i + stage, stage, 1, lower);
      __syncwarp();  // not before the scales are used: a load may sink to its use
      if (threadIdx.x % cuda::kWarpSize == 0) cuda::sm90::barrier_arrive(&shared.empty[stage]);
    }
    between(i + Shared::kStages);
  }
}

/// By all consumers, after a sample: what the teams make of its scores becomes the first bounds.
template <class Shared>
__device__ __forceinline__ void guess_bounds(Shared& shared, const CutTeam& team,
                                             const CandidateLists& lists, const ScanTile& tile,
                                             const ScanSample& sample, int team_index) {
  cuda::sm90::named_barrier(1, kScanConsumers);
  const int n = sample.num_keys();
  const auto rank = static_cast<std::uint32_t>(sample.rank(lists.keep, tile.num_keys));
  for (int q = team_index; q < tile.num_rows; q += kScanTeams) {
    const uint2* list = lists.row(tile.list() + q);
    const std::uint32_t guess =
        team_select(team, n, rank, [&](int i, std::uint32_t(&keys)[4], bool(&counted)[4]) {
          const FourEntries four = load_four(list, i);
#pragma unroll
          for (int j = 0; j < 4; ++j) {
            keys[j] = four.scores[j];
            counted[j] = true;
          }
        }).value;
    // Below the guess, so that its equals count; 0 and -0 are equal.
    const std::uint32_t below = guess - (guess == 0x80000000u ? 2 : guess > 0 ? 1 : 0);
    if (CutTeam::thread() < cuda::kWarpSize) {  // all lanes alike
      shared.bounds[q] = cuda::ordered_value(below);
      shared.counts[q] = 0;
    }
  }
  cuda::sm90::named_barrier(1, kScanConsumers);
}

/// By all consumers: cuts the lists that are longer than needed, if one may be too long after the
/// next round. Whether there are new bounds.
template <class Shared>
__device__ __forceinline__ bool cut_lists(Shared& shared, const CutTeam& team,
                                          const CandidateLists& lists, const ScanTile& tile,
                                          int team_index) {
  cuda::sm90::named_barrier(1, kScanConsumers);
  bool crowded = false;
#pragma unroll
  for (int q = 0; q < Shared::kQueries; ++q) {
    crowded |= static_cast<int>(shared.counts[q]) > lists.capacity - kScanRound * kScanKeys;
  }
  cuda::sm90::named_barrier(1, kScanConsumers);
  if (!crowded) return false;
  for (int q = team_index; q < tile.num_rows; q += kScanTeams) {
    const auto count = static_cast<int>(shared.counts[q]);
    if (count <= lists.keep) continue;
    const std::uint32_t worst = team_cut(team, lists, tile.list() + q, count);
    team.sync();                                // both have read the count
    if (CutTeam::thread() < cuda::kWarpSize) {  // all lanes alike
      shared.counts[q] = static_cast<std::uint32_t>(lists.keep);
      shared.bounds[q] = cuda::ordered_value(worst);
    }
  }
  cuda::sm90::named_barrier(1, kScanConsumers);
  return true;
}

/// kHeads: the heads, padded; kRowBytes: of one key. Blocks take tiles in turn, those with most
/// keys first.
template <class Stored, int kHeads, int kRowBytes>
__global__ void __launch_bounds__(kScanThreads, 1)
    scan_kernel(const __grid_constant__ ScoreBatch batch, const __grid_constant__ ScanMaps maps,
                const ScoreQueries<Stored> queries, const CandidateLists lists, int num_tiles,
                ScanRun run) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using Columns = ScanColumns<kHeads>;
  using Shared = ScanShared<kHeads, kRowBytes>;
  extern __shared__ __align__(1024) unsigned char raw[];
  Shared& shared = *reinterpret_cast<Shared*>(raw);
  const int thread = static_cast<int>(threadIdx.x), lane = thread % cuda::kWarpSize;
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
      feed_keys<Stored>(shared, batch, maps, lists, queries.top_k, num_tiles, run);
    }
    return;
  }

  cuda::sm90::take_registers<240>();
  const int warp = __shfl_sync(~0u, thread / cuda::kWarpSize, 0);  // known to be uniform
  const int query_half = warp / 4;
  const std::uint64_t pairs =
      cuda::sm90::row_operand(shared.queries[0]) +
      static_cast<std::uint64_t>(query_half) * (128 * cuda::sm90::kSlabRowBytes >> 4);
  // Of half a stage: the thread's upper key; with 64 heads that of an even lane, the lower an odd
  // one's.
  const int row = warp % 4 * 16 + lane / 4 + (kHeads == 64 ? lane % 2 * 8 : 0);
  const int team_index = thread / CutTeam::kThreads;
  const CutTeam team{shared.bins[team_index], &shared.kept[team_index], 2 + team_index};
  std::uint32_t parity = 0;

  for (int t = num_tiles - 1 - static_cast<int>(blockIdx.x); t >= 0;
       t -= static_cast<int>(gridDim.x)) {
    const ScanTile tile = scan_tile(batch, t, Shared::kQueries);
    if (!takes_part(tile, lists, queries.top_k, run)) continue;
    load_queries<Stored, kHeads, kRowBytes>(shared, queries, tile);
    if (thread < Shared::kQueries) {
      shared.counts[thread] = 0;
      shared.bounds[thread] = cuda::quiet_nan();
    }
    cuda::sm90::fence_for_products();
    cuda::sm90::named_barrier(1, kScanConsumers);
    ScanQuery<kHeads> own[Columns::kOwn];
    const auto own_query = [&](int o) {
      return query_half * Columns::kHalfQueries + Columns::own_query(o);
    };
#pragma unroll
    for (int o = 0; o < Columns::kOwn; ++o) {
      const int query = own_query(o);
      const bool there = query < tile.num_rows;
#pragma unroll
      for (int h = 0; h < Columns::kLaneHeads; ++h) {
        const int head = Columns::first_head() + h;
        own[o].weights[h] =
            there && head < queries.heads ? queries.weights[tile.packed() + query][head] : 0.0f;
      }
      own[o].list = static_cast<std::uint32_t>((tile.list() + query) * lists.capacity);
      own[o].count = &shared.counts[query];
      own[o].limit = there ? tile.num_keys - tile.num_rows + query : -1;
      own[o].bound = cuda::quiet_nan();
    }
    const auto take_bounds = [&] {
#pragma unroll
      for (int o = 0; o < Columns::kOwn; ++o) own[o].bound = shared.bounds[own_query(o)];
    };
    /// Offers the scores of a half; key_of(row of the stage) and scale_of(row of the stage, key).
    const auto offer_half = [&](int half, const float(&products)[64], auto&& key_of,
                                auto&& scale_of) {
      int keys[Columns::kRows];
      float scales[Columns::kRows];
#pragma unroll
      for (int r = 0; r < Columns::kRows; ++r) {
        const int stage_row = half * 64 + row + 8 * r;
        keys[r] = key_of(stage_row);
        scales[r] = sizeof(Stored) == 1 ? scale_of(stage_row, keys[r]) : 1.0f;
      }
#pragma unroll
      for (int o = 0; o < Columns::kOwn; ++o) {
        float scores[Columns::kRows];
        sum_heads<kHeads>(products, own[o], o, scores);
#pragma unroll
        for (int r = 0; r < Columns::kRows; ++r)
          offer(lists, own[o], keys[r], scores[r] * scales[r]);
      }
    };

    const ScanSample sample =
        run == ScanRun::sampled ? tile.sample<Shared::kStages>(queries.top_k) : ScanSample{0, 0};
    if (sample.stages > 0) {
      const ScoreSegment& cached = *tile.segment;
      multiply_stages<Stored>(
          shared, parity, pairs, sample.stages,
          [&](int i, int, int half, const float(&products)[64]) {
            offer_half(
                half, products, [&](int stage_row) { return sample.key_of(i, stage_row); },
                [&](int, int key) { return __ldg(cached.key_scales + cached.table.row(key)); });
          },
          [](int) {});
      guess_bounds(shared, team, lists, tile, sample, team_index);
      take_bounds();
    }
    constexpr int kRound = kScanRound / Shared::kStages * Shared::kStages;
    const int stages = tile.num_stages<Shared::kStages>(queries.top_k);
    multiply_stages<Stored>(
        shared, parity, pairs, stages,
        [&](int i, int stage, int half, const float(&products)[64]) {
          offer_half(
              half, products, [&](int stage_row) { return i * kScanKeys + stage_row; },
              [&](int stage_row, int) { return shared.key_scales[stage][stage_row]; });
        },
        [&](int done) {
          if (done % kRound == 0 && done < stages &&
              cut_lists(shared, team, lists, tile, team_index)) {
            take_bounds();
          }
        });
    cuda::sm90::named_barrier(1, kScanConsumers);  // queries and counts are done with
    if (thread < tile.num_rows) {
      const auto count = static_cast<std::int32_t>(shared.counts[thread]);
      lists.counts[tile.list() + thread] =
          sample.stages > 0 && count < lists.keep ? CandidateLists::kTooFew : count;
    }
  }
#endif
}

}  // namespace dsabench::ops::detail
