#pragma once
/// Scores of a few rows over many keys: every warp takes keys of its own, 16 or 32 at a time, and
/// reads each once. Lanes copy the keys' bytes to places of their own in shared memory, in the
/// order in which they feed them to the tensor cores: nothing is exchanged between threads but the
/// queries. A sum runs over one key's heads in a fixed order.
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/dependent_launch.cuh"
#include "kernels/cuda/half_products.cuh"
#include "kernels/ops/indexer_score.cuh"
#include "kernels/ops/indexer_select.cuh"

namespace dsabench::ops::detail {

inline constexpr int kFewThreads = 256, kFewWarps = kFewThreads / cuda::kWarpSize;

/// Which blocks work on which segment, and how many of its rows on each reading of the keys.
struct FewShares {
  std::int32_t first_block[ScoreBatch::kMaxSegments + 1];
  std::int32_t rows;        ///< of a block
  std::int32_t head_tiles;  ///< tiles of 8 heads, a multiple of the kernel's kTiles
};

/// How keys of kDim elements of Stored lie in lanes. Lane 4 g + t of a warp holds of keys g, g + 8,
/// ... every fourth 16 bytes, from byte 16 t on; 16 bytes are `kSteps` operands of products over 16
/// elements of depth, whose order is the same for keys and queries and else free.
template <class Stored, int kDim>
struct FewLayout {
  static constexpr int kSize = static_cast<int>(sizeof(Stored));
  static constexpr int kChunks = kDim * kSize / 64;  ///< of 16 bytes, of one key in one lane
  static constexpr int kSteps = 4 / kSize;           ///< of a chunk
  static constexpr int kKeyTiles = kDim * kSize == 256 ? 1 : 2;  ///< of 16 keys
  static constexpr int kKeys = 16 * kKeyTiles;
  static constexpr int kCopies = kKeyTiles * 2 * kChunks;
  static constexpr int kStages = 2;
  static constexpr int kQueryWords = kDim / 32 * cuda::kWarpSize;  ///< uint4 of 8 heads

  struct Ring {
    uint4 keys[kFewWarps][kStages][kCopies][cuda::kWarpSize];
    float scales[kFewWarps][kStages][cuda::kWarpSize];
  };
  /// Shared memory of a row: its queries, head weights and histogram.
  DSABENCH_HOST_DEVICE static constexpr int row_bytes(int head_tiles) {
    return head_tiles * (kQueryWords * 16 + 32) + kBins * 4;
  }
};

/// The two operands (first and second half of the depth) that each step takes of 16 bytes.
template <class Stored>
__device__ __forceinline__ void few_operands(uint4 chunk,
                                             std::uint32_t (&out)[4 / sizeof(Stored)][2]) {
  if constexpr (sizeof(Stored) == 1) {
    const std::uint32_t words[] = {chunk.x, chunk.y, chunk.z, chunk.w};
#pragma unroll
    for (int s = 0; s < 4; ++s) {
      out[s][0] = cuda::half_pair(words[s]);
      out[s][1] = cuda::half_pair(words[s] >> 16);
    }
  } else {
    out[0][0] = chunk.x, out[0][1] = chunk.y;
    out[1][0] = chunk.z, out[1][1] = chunk.w;
  }
}

template <class Stored>
__device__ __forceinline__ void few_mma(float (&c)[4], const std::uint32_t (&a)[4],
                                        std::uint32_t b0, std::uint32_t b1) {
  if constexpr (sizeof(Stored) == 1) {
    cuda::mma_f16(c, a, b0, b1);
  } else {
    cuda::mma(c, a, b0, b1);
  }
}

/// The rows of a block.
struct FewRows {
  const ScoreSegment* segment;
  int batch_row;      ///< of the segment's first
  int first, count;   ///< rows of the segment
  int block, blocks;  ///< this one of those that share the segment's keys
};
__device__ __forceinline__ FewRows find_few_rows(const ScoreBatch& batch, const FewShares& shares) {
  const int index = static_cast<int>(blockIdx.x);
  int s = 0, batch_row = 0;
  while (index >= shares.first_block[s + 1]) batch_row += batch.segments[s++].num_rows;
  const ScoreSegment& segment = batch.segments[s];
  const int first = static_cast<int>(blockIdx.y) * shares.rows;
  return {&segment,
          batch_row,
          first,
          min(shares.rows, segment.num_rows - first),
          index - shares.first_block[s],
          shares.first_block[s + 1] - shares.first_block[s]};
}

/// Brings a row's queries into the order of the products' operands, zeros for heads beyond.
template <class Stored, int kDim>
__device__ __forceinline__ void load_few_queries(const ScoreQueries<Stored>& queries,
                                                 std::int64_t packed, int head_tiles, uint4* words,
                                                 float* weights) {
  using Layout = FewLayout<Stored, kDim>;
  constexpr int kItems = Layout::kChunks * cuda::kWarpSize;
  for (int i = static_cast<int>(threadIdx.x); i < head_tiles * kItems; i += kFewThreads) {
    const int lane = i % cuda::kWarpSize, chunk = i / cuda::kWarpSize % Layout::kChunks;
    const int tile = i / kItems, head = tile * 8 + lane / 4;
    uint4 bytes{};
    if (head < queries.heads) {
      bytes = *reinterpret_cast<const uint4*>(queries.data + packed * queries.token_stride +
                                              head * queries.head_stride +
                                              (chunk * 64 + lane % 4 * 16) / Layout::kSize);
    }
    std::uint32_t operands[Layout::kSteps][2];
    few_operands<Stored>(bytes, operands);
    uint4* to =
        words + tile * Layout::kQueryWords + chunk * (Layout::kSteps / 2) * cuda::kWarpSize + lane;
#pragma unroll
    for (int s = 0; s < Layout::kSteps; s += 2) {
      to[s / 2 * cuda::kWarpSize] =
          make_uint4(operands[s][0], operands[s][1], operands[s + 1][0], operands[s + 1][1]);
    }
  }
  for (int h = static_cast<int>(threadIdx.x); h < head_tiles * 8; h += kFewThreads) {
    weights[h] = h < queries.heads ? queries.weights[packed][h] : 0.0f;
  }
}

/// Sums over heads of one row with a unit of keys: this lane's part, for its keys.
template <class Stored, int kDim, int kTiles>
__device__ __forceinline__ void few_sums(float (&sums)[FewLayout<Stored, kDim>::kKeyTiles][2],
                                         const uint4 (*keys)[cuda::kWarpSize], const uint4* words,
                                         const float* weights, int head_tiles, int heads) {
  using Layout = FewLayout<Stored, kDim>;
  const int lane = static_cast<int>(threadIdx.x) % cuda::kWarpSize;
#pragma unroll 1
  for (int first = 0; first < head_tiles; first += kTiles) {
    float dots[Layout::kKeyTiles][kTiles][4] = {};
#pragma unroll 1
    for (int chunk = 0; chunk < Layout::kChunks; ++chunk) {
      std::uint32_t operands[Layout::kKeyTiles][2][Layout::kSteps][2];
#pragma unroll
      for (int m = 0; m < Layout::kKeyTiles; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          few_operands<Stored>(keys[(m * 2 + half) * Layout::kChunks + chunk][lane],
                               operands[m][half]);
        }
      }
#pragma unroll
      for (int s = 0; s < Layout::kSteps; s += 2) {
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile) {
          const uint4 right = words[(first + tile) * Layout::kQueryWords +
                                    (chunk * Layout::kSteps + s) / 2 * cuda::kWarpSize + lane];
#pragma unroll
          for (int m = 0; m < Layout::kKeyTiles; ++m) {
            const auto& [upper, lower] = operands[m];
            const std::uint32_t a[4] = {upper[s][0], lower[s][0], upper[s][1], lower[s][1]};
            few_mma<Stored>(dots[m][tile], a, right.x, right.y);
            const std::uint32_t b[4] = {upper[s + 1][0], lower[s + 1][0], upper[s + 1][1],
                                        lower[s + 1][1]};
            few_mma<Stored>(dots[m][tile], b, right.z, right.w);
          }
        }
      }
    }
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      const int head = (first + tile) * 8 + lane % 4 * 2;
      const auto [left, right] = *reinterpret_cast<const float2*>(weights + head);
#pragma unroll
      for (int m = 0; m < Layout::kKeyTiles; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          // Heads beyond meet infinite keys: their products are not zero.
          const float first_dot = head < heads ? relu(dots[m][tile][2 * half]) : 0.0f;
          const float second_dot = head + 1 < heads ? relu(dots[m][tile][2 * half + 1]) : 0.0f;
          sums[m][half] += left * first_dot + right * second_dot;
        }
      }
    }
  }
}

/// Where a warp's keys come from. Reads ahead the names of 32 blocks.
template <class Stored, int kDim>
class FewKeys {
  using Layout = FewLayout<Stored, kDim>;

 public:
  __device__ __forceinline__ FewKeys(const ScoreSegment& segment, int num_keys,
                                     typename Layout::Ring& ring)
      : segment_(segment), num_keys_(num_keys), ring_(ring) {}

  __device__ __forceinline__ void start(int unit, int stage) {
    const int lane = static_cast<int>(threadIdx.x) % cuda::kWarpSize;
    const int warp = static_cast<int>(threadIdx.x) / cuda::kWarpSize;
    const int key = unit * Layout::kKeys, group = lane / 4, part = lane % 4;
    const std::int64_t row = first_row(key);
    const auto* bytes = static_cast<const unsigned char*>(segment_.keys);
#pragma unroll
    for (int i = 0; i < Layout::kKeyTiles * 2; ++i) {
      const int at = i * 8 + group;
      const bool valid = key + at < num_keys_;
      const unsigned char* from =
          bytes + (valid ? (row + at) * segment_.key_stride * Layout::kSize : 0) + part * 16;
#pragma unroll
      for (int chunk = 0; chunk < Layout::kChunks; ++chunk) {
        cuda::copy_async16(
            cuda::shared_address(&ring_.keys[warp][stage][i * Layout::kChunks + chunk][lane]),
            from + chunk * 64, valid);
      }
    }
    const int own = part * 8 + group;
    if (segment_.key_scales != nullptr && own < Layout::kKeys) {
      const bool valid = key + own < num_keys_;
      cuda::copy_async4(cuda::shared_address(&ring_.scales[warp][stage][lane]),
                        segment_.key_scales + (valid ? row + own : 0), valid);
    }
  }

 private:
  /// Row of the first key of a unit, which lies in one block.
  __device__ __forceinline__ std::int64_t first_row(int key) {
    constexpr int kRows = static_cast<int>(kBlockRows);
    if (segment_.table.blocks == nullptr) return key;
    const int block = key / kRows;
    if (first_name_ < 0 || block >= first_name_ + cuda::kWarpSize) {
      const int lane = static_cast<int>(threadIdx.x) % cuda::kWarpSize;
      first_name_ = block;
      name_ = segment_.table.blocks[min(block + lane, (num_keys_ - 1) / kRows)];
    }
    return std::int64_t{__shfl_sync(~0u, name_, block - first_name_)} * kRows + key % kRows;
  }

  const ScoreSegment& segment_;
  int num_keys_;
  typename Layout::Ring& ring_;
  int first_name_ = -1;
  std::int32_t name_ = 0;
};

/// `histograms` [rows of the batch, kBins] counts every score by its highest bits.
template <class Stored, int kDim, int kTiles>
__global__ void __launch_bounds__(kFewThreads, 2)
    few_score_kernel(const __grid_constant__ ScoreBatch batch,
                     const __grid_constant__ FewShares shares, const ScoreQueries<Stored> queries,
                     float* scores, std::uint32_t* histograms) {
  using Layout = FewLayout<Stored, kDim>;
  extern __shared__ __align__(16) unsigned char raw[];
  cuda::let_next_kernel_start();
  const FewRows rows = find_few_rows(batch, shares);
  const ScoreSegment& segment = *rows.segment;
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % cuda::kWarpSize, warp = thread / cuda::kWarpSize;
  // Rows that select all their keys are not scored.
  const auto scored_keys = [&](int r) {
    const int n = batch.row_keys(segment, rows.first + r);
    return n > queries.top_k ? n : 0;
  };
  int num_keys = 0;
  for (int r = 0; r < rows.count; ++r) num_keys = max(num_keys, scored_keys(r));
  if (num_keys == 0) return;

  auto& ring = *reinterpret_cast<typename Layout::Ring*>(raw);
  unsigned char* row_memory = raw + sizeof(typename Layout::Ring);
  const int tiles = shares.head_tiles, row_bytes = Layout::row_bytes(tiles);
  const auto words = [&](int r) { return reinterpret_cast<uint4*>(row_memory + r * row_bytes); };
  const auto weights = [&](int r) {
    return reinterpret_cast<float*>(words(r) + tiles * Layout::kQueryWords);
  };
  const auto bins = [&](int r) { return reinterpret_cast<std::uint32_t*>(weights(r) + tiles * 8); };

  const int units = (num_keys + Layout::kKeys - 1) / Layout::kKeys;
  const std::int64_t share = rows.block * kFewWarps + warp, num_shares = rows.blocks * kFewWarps;
  const int begin = static_cast<int>(units * share / num_shares);
  const int end = static_cast<int>(units * (share + 1) / num_shares);
  FewKeys<Stored, kDim> keys(segment, num_keys, ring);
  for (int stage = 0; stage < Layout::kStages; ++stage) {
    if (begin + stage < end) keys.start(begin + stage, stage);
    cuda::copies_commit();
  }
  for (int r = 0; r < rows.count; ++r) {
    load_few_queries<Stored, kDim>(queries, segment.row_begin + rows.first + r, tiles, words(r),
                                   weights(r));
    for (int i = thread; i < kBins; i += kFewThreads) bins(r)[i] = 0;
  }
  __syncthreads();

  for (int unit = begin, stage = 0; unit < end; ++unit, stage ^= 1) {
    cuda::copies_wait_but<Layout::kStages - 1>();
    const int own = lane % 4 * 8 + lane / 4, key = unit * Layout::kKeys + own;
    const float scale = segment.key_scales != nullptr ? ring.scales[warp][stage][lane] : 1.0f;
    for (int r = 0; r < rows.count; ++r) {
      const int n = rows.count == 1 ? num_keys : scored_keys(r);
      if (unit * Layout::kKeys >= n) continue;
      float sums[Layout::kKeyTiles][2] = {};
      few_sums<Stored, kDim, kTiles>(sums, ring.keys[warp][stage], words(r), weights(r), tiles,
                                     queries.heads);
      float sum = 0.0f;
#pragma unroll
      for (int i = 0; i < Layout::kKeyTiles * 2; ++i) {
        float total = sums[i / 2][i % 2];
        total += __shfl_xor_sync(~0u, total, 1);
        total += __shfl_xor_sync(~0u, total, 2);
        if (lane % 4 == i) sum = total;
      }
      if (own < Layout::kKeys && key < n) {
        const float score = sum * scale;
        scores[segment.scores_begin + std::int64_t{rows.first + r} * segment.score_stride + key] =
            score;
        atomicAdd(&bins(r)[cuda::ordered_bits(score) >> kFirstShift], 1u);
      }
      __syncwarp();
    }
    if (unit + Layout::kStages < end) keys.start(unit + Layout::kStages, stage);
    cuda::copies_commit();
  }
  __syncthreads();
  for (int r = 0; r < rows.count; ++r) {
    std::uint32_t* histogram = histograms + std::int64_t{rows.batch_row + rows.first + r} * kBins;
    for (int i = thread; i < kBins; i += kFewThreads) {
      if (bins(r)[i] != 0) atomicAdd(&histogram[i], bins(r)[i]);
    }
  }
}

}  // namespace dsabench::ops::detail
