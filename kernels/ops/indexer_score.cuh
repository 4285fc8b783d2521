#pragma once
/// Scores of a batch of indexer_topk: tiles of 128 keys, on tensor cores but for f32.
#include "kernels/cuda/rows.cuh"
#include "kernels/cuda/tile_product.cuh"
#include "kernels/ops/indexer_topk_batches.h"

namespace dsabench::ops::detail {

inline constexpr int kScoreKeys = 128, kScoreColumns = 64;

/// The type that products are made of: e4m3 codes are exact in bf16.
template <class Stored>
struct ProductTypeOf {
  using Type = Stored;
};
template <>
struct ProductTypeOf<cuda::E4m3> {
  using Type = cuda::Bf16;
};

template <class Stored>
struct ScoreQueries {
  const Stored* data;
  std::int64_t token_stride, head_stride;
  cuda::Rows<const float> weights;
  std::int32_t heads, dim, top_k;
  bool aligned;
};

/// `vector_bytes`: what a load of the caller's kernel wants rows to be aligned to.
template <class Stored>
ScoreQueries<Stored> score_queries(const IndexerTopkArgs& args, std::int64_t vector_bytes) {
  return {reinterpret_cast<const Stored*>(args.q.raw()),
          args.q.stride(0),
          args.q.stride(1),
          cuda::rows<const float>(args.head_weights),
          static_cast<std::int32_t>(args.q.dim(1)),
          static_cast<std::int32_t>(args.q.dim(2)),
          static_cast<std::int32_t>(args.top_k),
          args.q.rows_aligned(vector_bytes)};
}

/// Piece of a segment that one block works on.
struct ScoreTile {
  const ScoreSegment* segment;
  int first_row, num_rows, first_key, num_keys;
};

/// False where there is nothing to score: no such tile, keys beyond every query, or queries that
/// select all their keys.
__device__ __forceinline__ bool find_tile(const ScoreBatch& batch, int top_k, ScoreTile& tile) {
  int index = static_cast<int>(blockIdx.y), s = 0;
  for (; s < batch.num_segments; ++s) {
    const int tiles = (batch.segments[s].num_rows + kScoreColumns - 1) / kScoreColumns;
    if (index < tiles) break;
    index -= tiles;
  }
  if (s == batch.num_segments) return false;
  tile.segment = &batch.segments[s];
  tile.first_row = index * kScoreColumns;
  tile.num_rows = min(kScoreColumns, tile.segment->num_rows - tile.first_row);
  tile.first_key = static_cast<int>(blockIdx.x) * kScoreKeys;
  tile.num_keys = batch.positions == nullptr
                      ? tile.segment->first_position + tile.first_row + tile.num_rows
                      : tile.segment->keys_end;
  return tile.first_key < tile.num_keys && tile.num_keys > top_k;
}

/// Fills [count, depth] rows of shared memory; row_of(i) is row i in global memory or null.
template <class T, class RowOf>
__device__ __forceinline__ void load_rows(T* shared, int stride, int depth, int count, int dim,
                                          bool aligned, RowOf&& row_of) {
  constexpr int kSize = cuda::Chunk<T>::kSize;
  const int chunks = depth / kSize;
  for (int c = static_cast<int>(threadIdx.x); c < count * chunks; c += cuda::kTileThreads) {
    const int row = c / chunks, begin = c % chunks * kSize;
    cuda::store_chunk(shared + row * stride + begin,
                      cuda::load_chunk(row_of(row), begin, dim, aligned));
  }
}

__device__ __forceinline__ float relu(float value) {
  return value < 0.0f ? 0.0f : value;  // a NaN stays a NaN
}

/// A tile of 64 queries, head after head, sums over heads in registers.
template <class Stored>
__global__ void __launch_bounds__(cuda::kTileThreads)
    score_kernel(const __grid_constant__ ScoreBatch batch, const ScoreQueries<Stored> queries,
                 float* scores) {
  using T = typename ProductTypeOf<Stored>::Type;
  using Tile = cuda::TileProduct<T, kScoreKeys, kScoreColumns>;
  extern __shared__ __align__(16) unsigned char shared[];
  ScoreTile tile{};
  if (!find_tile(batch, queries.top_k, tile)) return;
  const ScoreSegment& segment = *tile.segment;
  constexpr int kStep = cuda::Chunk<T>::kSize * 2;
  const int dim = queries.dim, depth = (dim + kStep - 1) / kStep * kStep;
  const int stride = depth + cuda::kTilePad<T>;
  T* key_rows = reinterpret_cast<T*>(shared);
  T* query_rows[2] = {key_rows + kScoreKeys * stride,
                      key_rows + (kScoreKeys + kScoreColumns) * stride};
  const auto* keys = static_cast<const Stored*>(segment.keys);
  load_rows(key_rows, stride, depth, kScoreKeys, dim, segment.aligned, [&](int i) {
    const int key = tile.first_key + i;
    return key < tile.num_keys ? keys + segment.table.row(key) * segment.key_stride : nullptr;
  });
  const auto write = [&](int row, int key, float score) {
    if (key >= tile.num_keys || row >= tile.num_rows) return;
    const float scale =
        segment.key_scales == nullptr ? 1.0f : segment.key_scales[segment.table.row(key)];
    scores[segment.scores_begin + std::int64_t{tile.first_row + row} * segment.score_stride + key] =
        score * scale;
  };
  const std::int64_t packed = segment.row_begin + tile.first_row;
  Tile product;

  const auto load_head = [&](int head) {
    load_rows(query_rows[head % 2], stride, depth, kScoreColumns, dim, queries.aligned, [&](int i) {
      return i < tile.num_rows
                 ? queries.data + (packed + i) * queries.token_stride + head * queries.head_stride
                 : nullptr;
    });
  };
  float sums[Tile::kSlots] = {};
  load_head(0);
  for (int head = 0; head < queries.heads; ++head) {
    __syncthreads();
    if (head + 1 < queries.heads) load_head(head + 1);
    product.clear();
    product.step(key_rows, stride, query_rows[head % 2], stride, depth);
    product.each([&](int, int column, int slot, float dot) {
      const std::int64_t row = packed + min(column, tile.num_rows - 1);
      sums[slot] += __ldg(queries.weights[row] + head) * relu(dot);
    });
  }
  product.each([&](int row, int column, int slot, float) {
    write(column, tile.first_key + row, sums[slot]);
  });
}

}  // namespace dsabench::ops::detail
