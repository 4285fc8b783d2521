#pragma once
/// What a block of the scan works on: tiles of neighbouring queries, the layout of their (query,
/// head) pairs, shared memory, and how queries and keys get there.
#include "kernels/cuda/sm90.cuh"
#include "kernels/cuda/tensor_map.h"
#include "kernels/ops/indexer_candidates.cuh"
#include "kernels/ops/indexer_scan_launch_sm90.h"
#include "kernels/ops/indexer_score.cuh"

namespace dsabench::ops::detail {

inline constexpr int kScanPairs = 256;  ///< (query, head) pairs of a block, in two halves
inline constexpr int kScanBlocks = kScanKeys / static_cast<int>(kBlockRows);  ///< of the cache
inline constexpr int kScanConsumers = 256;  ///< threads: a warpgroup for each half of the pairs
inline constexpr int kScanThreads = kScanConsumers + cuda::sm90::kWarpgroup;
inline constexpr int kScanWarps = kScanConsumers / cuda::kWarpSize;
inline constexpr int kScanTeams = kScanConsumers / CutTeam::kThreads;  ///< each cuts a list

/// The cached rows of each segment of a batch, in boxes of one block and as pieces of samples, and
/// their scales where they have any.
struct ScanMaps {
  CUtensorMap keys[ScoreBatch::kMaxSegments], sampled[ScoreBatch::kMaxSegments],
      key_scales[ScoreBatch::kMaxSegments];
};

/// A sample of the causal keys of a tile, whose scores give a first bound: pieces of 8 keys, 8
/// apart, spread over all keys. Neighbouring keys are alike, so a piece is not of neighbours.
struct ScanSample {
  static constexpr int kPieceKeys = 8, kStep = 8, kPieceSpan = kPieceKeys * kStep;
  static_assert(kPieceSpan == kBlockRows);  // a piece lies in one block of the cache
  static constexpr int kStagePieces = kScanKeys / kPieceKeys;
  static constexpr int kShare = 64;                ///< one key of this many is in the sample
  static constexpr int kMinKeys = 8 << 10;         ///< of a context that is sampled
  static constexpr int kMaxKeys = 30 * kScanKeys;  ///< whose scores, in whole rings, fit any list
  int stages;                                      ///< 0 where there is no sample
  std::uint32_t pitch;  ///< spans of kPieceSpan keys from one piece to the next, in 1/65536

  __device__ __forceinline__ int num_keys() const { return stages * kScanKeys; }
  /// First key of a piece.
  __device__ __forceinline__ int piece_begin(int piece) const {
    const std::uint32_t span = static_cast<std::uint32_t>(piece) * pitch >> 16;
    return static_cast<int>(span) * kPieceSpan + piece % kStep;
  }
  /// The key in a row of a stage of the sample.
  __device__ __forceinline__ int key_of(int stage, int row) const {
    return piece_begin(stage * kStagePieces + row / kPieceKeys) + row % kPieceKeys * kStep;
  }
  /// Which of the sample's scores, from the best, is the bound: where a query's best `keep` are a
  /// random sample's, one of some 10^6 such bounds leaves too few.
  __device__ __forceinline__ int rank(int keep, int all_keys) const {
    const float expected =
        static_cast<float>(keep) * static_cast<float>(num_keys()) / static_cast<float>(all_keys);
    return min(num_keys(), static_cast<int>(expected + 5.0f * sqrtf(expected)) + 3);
  }
};

template <int kHeads, int kRowBytes>
struct ScanShared {
  static constexpr int kSlabs = (kRowBytes + 127) / 128;
  static constexpr int kStages = kSlabs == 1 ? 4 : 3;
  static constexpr int kQueries = kScanPairs / kHeads;
  static constexpr int kSlabBytes = kScanKeys * cuda::sm90::kSlabRowBytes;
  unsigned char queries[kSlabs][kScanPairs * cuda::sm90::kSlabRowBytes];
  unsigned char keys[kStages][kSlabs][kSlabBytes];
  float key_scales[kStages][kScanKeys];
  std::uint32_t bins[kScanTeams][kRankBins];
  int kept[kScanTeams];
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

  template <int kRing>
  __device__ __forceinline__ static int whole_rings(int keys) {
    constexpr int kKeys = kRing * kScanKeys;
    return (keys + kKeys - 1) / kKeys * kRing;
  }
  /// None where all keys are selected.
  template <int kRing>
  __device__ __forceinline__ int num_stages(int top_k) const {
    return num_keys > top_k ? whole_rings<kRing>(num_keys) : 0;
  }
  /// Only of keys that every row may see, and only where most of them will not be selected.
  template <int kRing>
  __device__ __forceinline__ ScanSample sample(int top_k) const {
    const int keys = num_keys - num_rows;
    if (keys < max(ScanSample::kMinKeys, 4 * top_k)) return {0, 0};
    const int wanted = (keys + ScanSample::kShare - 1) / ScanSample::kShare;
    const int stages = whole_rings<kRing>(min(wanted, ScanSample::kMaxKeys));
    const auto spans = static_cast<std::uint32_t>(keys / ScanSample::kPieceSpan);  // < 2^15
    return {stages, (spans << 16) / static_cast<std::uint32_t>(stages * ScanSample::kStagePieces)};
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

/// The tile's queries, padded with zeros.
template <class Stored, int kHeads, int kRowBytes>
__device__ __forceinline__ void load_queries(ScanShared<kHeads, kRowBytes>& shared,
                                             const ScoreQueries<Stored>& queries,
                                             const ScanTile& tile) {
  using Columns = ScanColumns<kHeads>;
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
}

/// Which scan of a batch this is: the second does the tiles whose first bounds left a row too few.
enum class ScanRun { sampled, repaired };

/// Whether the scan has anything to do with the tile. All rows are written by the first.
__device__ __forceinline__ bool takes_part(const ScanTile& tile, const CandidateLists& lists,
                                           int top_k, ScanRun run) {
  if (tile.num_keys <= top_k) return false;
  if (run == ScanRun::sampled) return true;
  bool short_of_keys = false;
  for (int q = 0; q < tile.num_rows; ++q) {
    short_of_keys |= lists.counts[tile.list() + q] == CandidateLists::kTooFew;
  }
  return short_of_keys;
}

/// Where 64 keys of the tile begin among the cached rows: before them all, where a box is zeros,
/// for a block that holds none of its keys.
__device__ __forceinline__ int first_cached_row(const ScanTile& tile, int block) {
  constexpr int kRows = static_cast<int>(kBlockRows);
  if (block * kRows >= tile.num_keys) return -kRows;
  const std::int32_t* blocks = tile.segment->table.blocks;
  return (blocks == nullptr ? block : __ldg(blocks + block)) * kRows;
}

/// The producer: the keys of every tile of this block into the ring, one thread; before a tile's
/// keys those of its sample.
template <class Stored, int kHeads, int kRowBytes>
__device__ __forceinline__ void feed_keys(ScanShared<kHeads, kRowBytes>& shared,
                                          const ScoreBatch& batch, const ScanMaps& maps,
                                          const CandidateLists& lists, int top_k, int num_tiles,
                                          ScanRun run) {
  using Shared = ScanShared<kHeads, kRowBytes>;
  constexpr int kColumns = cuda::sm90::kSlabRowBytes / static_cast<int>(sizeof(Stored));
  constexpr int kBlock = static_cast<int>(kBlockRows);
  constexpr int kKeyBytes = Shared::kSlabs * Shared::kSlabBytes;
  constexpr int kScaleBytes = sizeof(Stored) == 1 ? sizeof(shared.key_scales[0]) : 0;
  cuda::sm90::RingPlace<Shared::kStages> place;
  for (int t = num_tiles - 1 - static_cast<int>(blockIdx.x); t >= 0;
       t -= static_cast<int>(gridDim.x)) {
    const ScanTile tile = scan_tile(batch, t, Shared::kQueries);
    if (!takes_part(tile, lists, top_k, run)) continue;
    const ScanSample sample =
        run == ScanRun::sampled ? tile.sample<Shared::kStages>(top_k) : ScanSample{0, 0};
    const int s = tile.segment_index, stages = tile.num_stages<Shared::kStages>(top_k);
    for (int i = 0; i < sample.stages; ++i) {
      cuda::sm90::barrier_wait(&shared.empty[place.stage], place.parity ^ 1);
      std::uint64_t* full = &shared.full[place.stage];
      cuda::sm90::barrier_arrive_expecting(full, kKeyBytes);
      for (int piece = 0; piece < ScanSample::kStagePieces; ++piece) {
        const int begin = sample.piece_begin(i * ScanSample::kStagePieces + piece);
        const int row = first_cached_row(tile, begin / kBlock) + begin % kBlock;
        for (int slab = 0; slab < Shared::kSlabs; ++slab) {
          unsigned char* to = shared.keys[place.stage][slab] +
                              piece * ScanSample::kPieceKeys * cuda::sm90::kSlabRowBytes;
          cuda::sm90::copy_box(to, &maps.sampled[s], full, slab * kColumns, row, 0);
        }
      }
      place.advance();
    }
    for (int i = 0; i < stages; ++i) {
      int rows[kScanBlocks];  // looked up while the stage is still in use
#pragma unroll
      for (int b = 0; b < kScanBlocks; ++b) rows[b] = first_cached_row(tile, i * kScanBlocks + b);
      cuda::sm90::barrier_wait(&shared.empty[place.stage], place.parity ^ 1);
      std::uint64_t* full = &shared.full[place.stage];
      cuda::sm90::barrier_arrive_expecting(full, kKeyBytes + kScaleBytes);
#pragma unroll
      for (int b = 0; b < kScanBlocks; ++b) {
        if constexpr (kScaleBytes > 0) {
          cuda::sm90::copy_values(shared.key_scales[place.stage] + b * kBlock, &maps.key_scales[s],
                                  full, rows[b]);
        }
        for (int slab = 0; slab < Shared::kSlabs; ++slab) {
          cuda::sm90::copy_box(
              shared.keys[place.stage][slab] + b * kBlock * cuda::sm90::kSlabRowBytes,
              &maps.keys[s], full, slab * kColumns, rows[b], 0);
        }
      }
      place.advance();
    }
  }
}

}  // namespace dsabench::ops::detail
