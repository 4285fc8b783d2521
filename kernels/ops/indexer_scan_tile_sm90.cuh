#pragma once
/// What a block of the scan works on: tiles of neighbouring queries, the layout of their (query,
/// head) pairs, shared memory, and how queries and keys get there.
#include "kernels/cuda/sm90.cuh"
#include "kernels/cuda/tensor_map.h"
#include "kernels/ops/indexer_candidates.cuh"
#include "kernels/ops/indexer_score.cuh"

namespace dsabench::ops::detail {

inline constexpr int kScanPairs = 256;  ///< (query, head) pairs of a block, in two halves
inline constexpr int kScanKeys = 128;   ///< keys of a stage, in two halves
inline constexpr int kScanBlocks = kScanKeys / static_cast<int>(kBlockRows);  ///< of the cache
inline constexpr int kScanRound = 16;       ///< stages between looks at the lists' lengths
inline constexpr int kScanConsumers = 512;  ///< threads: a warpgroup for each pair of halves
inline constexpr int kScanThreads = kScanConsumers + cuda::sm90::kWarpgroup;
inline constexpr int kScanWarps = kScanConsumers / cuda::kWarpSize;
inline constexpr int kScanTeams = kScanConsumers / CutTeam::kThreads;  ///< each cuts a list

/// Capacity of a list: between two looks a round of keys may come.
inline constexpr int candidate_capacity(int keep) {
  return (2 * keep + 2 * kScanRound * kScanKeys + 255) / 256 * 256;
}

/// The cached rows of each segment of a batch, in boxes of one block, and their scales where they
/// have any.
struct ScanMaps {
  CUtensorMap keys[ScoreBatch::kMaxSegments], key_scales[ScoreBatch::kMaxSegments];
};

template <int kHeads, int kRowBytes>
struct ScanShared {
  static constexpr int kSlabs = (kRowBytes + 127) / 128;
  static constexpr int kStages = kSlabs == 1 ? 4 : 2;
  static constexpr int kQueries = kScanPairs / kHeads;
  static constexpr int kSlabBytes = kScanKeys * cuda::sm90::kSlabRowBytes;
  /// Four more than the heads: a quad's queries start at different banks.
  static constexpr int kWeightStride = kHeads + 4;
  unsigned char queries[kSlabs][kScanPairs * cuda::sm90::kSlabRowBytes];
  unsigned char keys[kStages][kSlabs][kSlabBytes];
  float key_scales[kStages][kScanKeys];
  std::uint32_t bins[kScanTeams][kRankBins];
  int kept[kScanTeams];
  float weights[kQueries * kWeightStride];
  std::uint32_t counts[kQueries];
  float bounds[kQueries];
  std::uint64_t full[kStages], empty[kStages];
};

/// Which sums a thread makes. Pairs are laid out so that all columns that a thread holds of a
/// product belong to its own queries: no sum crosses lanes (with 64 heads one does).
template <int kHeads>
struct ScanColumns {
  static constexpr int kHalfQueries = 128 / kHeads;
  static constexpr int kOwn = kHeads == 16 ? 2 : 1;              ///< queries of a thread
  static constexpr int kLaneHeads = kHeads == 64 ? 32 : kHeads;  ///< of each, in this thread
  static constexpr int kRows = kHeads == 64 ? 1 : 2;             ///< keys a thread ends up with

  /// The query of a half and its head in column `column` of 128.
  __device__ __forceinline__ static int query_of(int column) {
    const int quad = column % 8 / 2;
    if (kHeads == 64) return quad / 2;
    return kHeads == 32 ? quad : 2 * quad + column / 64;
  }
  __device__ __forceinline__ static int head_of(int column) {
    const int pair = column / 8 * 2 + column % 2;
    if (kHeads == 64) return column % 4 / 2 * 32 + pair;
    return kHeads == 32 ? pair : pair % 16;
  }
  __device__ __forceinline__ static int own_query(int own) {
    const int quad = static_cast<int>(threadIdx.x) % 4;
    return kHeads == 64 ? quad / 2 : quad * kOwn + own;
  }
  __device__ __forceinline__ static int first_head() {
    return kHeads == 64 ? static_cast<int>(threadIdx.x) % 2 * 32 : 0;
  }
};

/// Neighbouring queries of one segment.
struct ScanTile {
  const ScoreSegment* segment;
  int segment_index, first_row, num_rows, num_keys;

  /// Whole rings; none where all keys are selected.
  template <int kRing>
  __device__ __forceinline__ int num_stages(int top_k) const {
    constexpr int kKeys = kRing * kScanKeys;
    return num_keys > top_k ? (num_keys + kKeys - 1) / kKeys * kRing : 0;
  }
  __device__ __forceinline__ std::int64_t packed() const { return segment->row_begin + first_row; }
  __device__ __forceinline__ std::int64_t list() const { return segment->scores_begin + first_row; }
};

__device__ __forceinline__ ScanTile scan_tile(const ScoreBatch& batch, int index,
                                              int rows_per_tile) {
  int s = 0;
  for (;; ++s) {
    const int tiles = (batch.segments[s].num_rows + rows_per_tile - 1) / rows_per_tile;
    if (index < tiles) break;
    index -= tiles;
  }
  const ScoreSegment& segment = batch.segments[s];
  const int first = index * rows_per_tile, rows = min(rows_per_tile, segment.num_rows - first);
  return {&segment, s, first, rows, segment.first_position + first + rows};
}

/// The tile's queries and head weights, padded with zeros.
template <class Stored, int kHeads, int kRowBytes>
__device__ __forceinline__ void load_queries(ScanShared<kHeads, kRowBytes>& shared,
                                             const ScoreQueries<Stored>& queries,
                                             const ScanTile& tile) {
  using Columns = ScanColumns<kHeads>;
  using Shared = ScanShared<kHeads, kRowBytes>;
  constexpr int kChunks = kRowBytes / 16;
  const int thread = static_cast<int>(threadIdx.x);
  for (int c = thread; c < kScanPairs * kChunks; c += kScanConsumers) {
    const int pair = c / kChunks, chunk = c % kChunks;
    const int query = pair / 128 * Columns::kHalfQueries + Columns::query_of(pair % 128);
    const int head = Columns::head_of(pair % 128);
    uint4 data = make_uint4(0, 0, 0, 0);
    if (query < tile.num_rows && head < queries.heads) {
      data = *(reinterpret_cast<const uint4*>(queries.data +
                                              (tile.packed() + query) * queries.token_stride +
                                              head * queries.head_stride) +
               chunk);
    }
    *reinterpret_cast<uint4*>(shared.queries[chunk / 8] +
                              cuda::sm90::slab_offset(pair, chunk % 8)) = data;
  }
  for (int i = thread; i < kScanPairs; i += kScanConsumers) {
    const int query = i / kHeads, head = i % kHeads;
    shared.weights[query * Shared::kWeightStride + head] =
        query < tile.num_rows && head < queries.heads ? queries.weights[tile.packed() + query][head]
                                                      : 0.0f;
  }
}

/// Where 64 keys of the tile begin among the cached rows: before them all, where a box is zeros,
/// for a block that holds none of its keys.
__device__ __forceinline__ int first_cached_row(const ScanTile& tile, int block) {
  constexpr int kRows = static_cast<int>(kBlockRows);
  if (block * kRows >= tile.num_keys) return -kRows;
  const std::int32_t* blocks = tile.segment->table.blocks;
  return (blocks == nullptr ? block : __ldg(blocks + block)) * kRows;
}

/// The producer: the keys of every tile of this block into the ring, one thread.
template <class Stored, int kHeads, int kRowBytes>
__device__ __forceinline__ void feed_keys(ScanShared<kHeads, kRowBytes>& shared,
                                          const ScoreBatch& batch, const ScanMaps& maps, int top_k,
                                          int num_tiles) {
  using Shared = ScanShared<kHeads, kRowBytes>;
  constexpr int kColumns = cuda::sm90::kSlabRowBytes / static_cast<int>(sizeof(Stored));
  cuda::sm90::RingPlace<Shared::kStages> place;
  for (int t = num_tiles - 1 - static_cast<int>(blockIdx.x); t >= 0;
       t -= static_cast<int>(gridDim.x)) {
    const ScanTile tile = scan_tile(batch, t, Shared::kQueries);
    const int stages = tile.num_stages<Shared::kStages>(top_k);
    for (int i = 0; i < stages; ++i) {
      int rows[kScanBlocks];  // looked up while the stage is still in use
#pragma unroll
      for (int b = 0; b < kScanBlocks; ++b) rows[b] = first_cached_row(tile, i * kScanBlocks + b);
      cuda::sm90::barrier_wait(&shared.empty[place.stage], place.parity ^ 1);
      constexpr int kScaleBytes = sizeof(Stored) == 1 ? sizeof(shared.key_scales[0]) : 0;
      std::uint64_t* full = &shared.full[place.stage];
      cuda::sm90::barrier_arrive_expecting(full, Shared::kSlabs * Shared::kSlabBytes + kScaleBytes);
#pragma unroll
      for (int b = 0; b < kScanBlocks; ++b) {
        constexpr int kRows = static_cast<int>(kBlockRows);
        if constexpr (kScaleBytes > 0) {
          cuda::sm90::copy_values(shared.key_scales[place.stage] + b * kRows,
                                  &maps.key_scales[tile.segment_index], full, rows[b]);
        }
        for (int slab = 0; slab < Shared::kSlabs; ++slab) {
          cuda::sm90::copy_box(
              shared.keys[place.stage][slab] + b * kRows * cuda::sm90::kSlabRowBytes,
              &maps.keys[tile.segment_index], full, slab * kColumns, rows[b], 0);
        }
      }
      place.advance();
    }
  }
}

}  // namespace dsabench::ops::detail
