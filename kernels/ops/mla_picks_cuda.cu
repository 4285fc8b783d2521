#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/dependent_launch.cuh"
#include "kernels/cuda/half_products.cuh"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/cuda/tile_product.cuh"
#include "kernels/ops/fp8_latents.h"
#include "kernels/ops/mla_query.cuh"

namespace dsabench::ops::detail {
namespace {

using cuda::Bf16;

constexpr int kThreads = 256;
constexpr int kHeads = 32, kPicks = 32, kStages = 3;
constexpr int kLatent = static_cast<int>(kPickLatent), kDim = kLatent + static_cast<int>(kPickRope);
constexpr int kPad = 8;  ///< 16 bytes against bank conflicts
constexpr int kStride = kDim + kPad, kWeightStride = kPicks + kPad;
constexpr int kScoreStride = kPicks + 4;
/// Threads that bring one pick's row, 16 bytes each at a time.
constexpr int kRowThreads = kThreads / kPicks;
constexpr int kColumnTiles = kLatent / (kThreads / 32) / 8;  ///< of 8 columns, a warp's

struct Shared {
  Bf16 queries[kHeads * kStride];
  Bf16 keys[kStages][kPicks * kStride];
  float scores[kHeads * kScoreStride];
  Bf16 weights[kHeads * kWeightStride];
  float rescales[kHeads], maxima[kHeads], totals[kHeads];
  int present[kStages][kPicks];
  int broken;
};

/// Where a pick lies: its position, -1 for none, -2 for one that must not be there, and the name of
/// its block.
struct Pick {
  std::int32_t position, block;
};

/// The picks of a block as one of its threads sees them, for its place in every tile. What a pick
/// names is looked up tiles before its row is wanted: no load waits for another.
class PickFeed {
 public:
  __device__ __forceinline__ explicit PickFeed(const MlaQuery& query)
      : query_(query), place_(static_cast<int>(threadIdx.x) / kRowThreads) {
    const std::int32_t first = load(0), second = load(1);
    later_ = load(2);
    pick_ = named(first);
    next_ = named(second);
  }
  /// Moves to the next tile.
  __device__ __forceinline__ void advance() {
    ++tile_;
    pick_ = next_;
    next_ = named(later_);
    later_ = load(tile_ + 2);
  }
  __device__ __forceinline__ std::int32_t position() const { return pick_.position; }
  __device__ __forceinline__ std::int64_t row() const {
    if (query_.segment->table.blocks == nullptr) return pick_.position;
    return pick_.block * kBlockRows + pick_.position % kBlockRows;
  }

 private:
  __device__ __forceinline__ std::int32_t load(int tile) const {
    const std::int32_t j = query_.begin + tile * kPicks + place_;
    return j < query_.end ? __ldg(query_.picks + j) : -1;
  }
  __device__ __forceinline__ Pick named(std::int32_t pick) const {
    if (pick < -1 || pick > query_.position) return {-2, 0};
    const std::int32_t* blocks = query_.segment->table.blocks;
    return {pick, blocks != nullptr && pick >= 0 ? __ldg(blocks + pick / kBlockRows) : 0};
  }

  const MlaQuery& query_;
  int place_, tile_ = 0;
  Pick pick_, next_;
  std::int32_t later_;
};

__device__ __forceinline__ void note_pick(Shared& shared, const PickFeed& feed, int stage) {
  const int thread = static_cast<int>(threadIdx.x);
  if (thread % kRowThreads != 0) return;
  shared.present[stage][thread / kRowThreads] = feed.position() >= 0 ? 1 : 0;
  if (feed.position() == -2) shared.broken = 1;
}

/// Starts the copy of a tile's latents, zeros where there is no pick.
__device__ __forceinline__ void copy_tile(Shared& shared, const MlaSegment& segment,
                                          const PickFeed& feed, int stage) {
  const int place = static_cast<int>(threadIdx.x) / kRowThreads;
  const int part = static_cast<int>(threadIdx.x) % kRowThreads;
  const Bf16* from = static_cast<const Bf16*>(segment.latents) +
                     (feed.position() >= 0 ? feed.row() * segment.latent_stride : 0) + part * 8;
  const std::uint32_t to = cuda::shared_address(shared.keys[stage] + place * kStride + part * 8);
#pragma unroll
  for (int i = 0; i < kDim / 64; ++i) {
    cuda::copy_async16(to + static_cast<std::uint32_t>(i * 128), from + i * 64,
                       feed.position() >= 0);
  }
  note_pick(shared, feed, stage);
}

/// What a thread takes of a row of the fp8 cache: 16 codes of each group, all scales, and 8 values
/// of the rotated part.
struct CodedPiece {
  static constexpr int kGroups = kLatent / static_cast<int>(Fp8LatentRow::kGroup);
  static_assert(kGroups == 4);
  uint4 codes[kGroups], scales, rope;
};

__device__ __forceinline__ CodedPiece load_piece(const MlaSegment& segment, const PickFeed& feed) {
  CodedPiece piece{};
  if (feed.position() < 0) return piece;
  const int part = static_cast<int>(threadIdx.x) % kRowThreads;
  const auto* row = reinterpret_cast<const uint4*>(
      static_cast<const unsigned char*>(segment.latents) + feed.row() * segment.latent_stride);
#pragma unroll
  for (int g = 0; g < CodedPiece::kGroups; ++g) piece.codes[g] = __ldg(row + part + 8 * g);
  piece.scales = __ldg(row + kLatent / 16);
  piece.rope = __ldg(row + kLatent / 16 + 1 + part);
  return piece;
}

__device__ __forceinline__ void store_piece(Shared& shared, const CodedPiece& piece, int stage) {
  const int place = static_cast<int>(threadIdx.x) / kRowThreads;
  const int part = static_cast<int>(threadIdx.x) % kRowThreads;
  auto* row = reinterpret_cast<uint4*>(shared.keys[stage] + place * kStride);
  const std::uint32_t scales[] = {piece.scales.x, piece.scales.y, piece.scales.z, piece.scales.w};
#pragma unroll
  for (int g = 0; g < CodedPiece::kGroups; ++g) {
    const float scale = __uint_as_float(scales[g]);
    const auto eight = [&](std::uint32_t first, std::uint32_t second) {
      return make_uint4(
          cuda::scaled_bf16_pair(first, scale), cuda::scaled_bf16_pair(first >> 16, scale),
          cuda::scaled_bf16_pair(second, scale), cuda::scaled_bf16_pair(second >> 16, scale));
    };
    row[g * 16 + part * 2] = eight(piece.codes[g].x, piece.codes[g].y);
    row[g * 16 + part * 2 + 1] = eight(piece.codes[g].z, piece.codes[g].w);
  }
  row[kLatent / 8 + part] = piece.rope;
}

__device__ __forceinline__ void copy_queries(Shared& shared, const MlaCall& call, std::int64_t row,
                                             int head0) {
  constexpr int kParts = kDim / 8;
  for (int c = static_cast<int>(threadIdx.x); c < kHeads * kParts; c += kThreads) {
    const int h = c / kParts, d = c % kParts * 8, head = min(head0 + h, call.heads - 1);
    const Bf16* from =
        d < kLatent ? static_cast<const Bf16*>(call.q_latent) + row * call.q_latent_strides[0] +
                          head * call.q_latent_strides[1] + d
                    : static_cast<const Bf16*>(call.q_rope) + row * call.q_rope_strides[0] +
                          head * call.q_rope_strides[1] + d - kLatent;
    cuda::copy_async16(cuda::shared_address(shared.queries + h * kStride + d), from,
                       head0 + h < call.heads);
  }
}

/// scores[32, 32] = queries keys^T: warp w has rows 16 (w % 2), columns 8 (w / 2). Four sums, so
/// that one product need not wait for the last.
__device__ __forceinline__ void score_tile(Shared& shared, int stage, float scale) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int row0 = warp % 2 * 16, column0 = warp / 2 * 8;
  const Bf16* a = shared.queries + (row0 + lane % 16) * kStride + lane / 16 * 8;
  const Bf16* b = shared.keys[stage] + (column0 + lane % 8) * kStride + lane / 8 * 8;
  float sums[4][4] = {};
#pragma unroll
  for (int k = 0; k < kDim; k += 32) {
    std::uint32_t first[4], second[4], right[4];
    cuda::load_matrices(right, b + k);
    cuda::load_matrices(first, a + k);
    cuda::load_matrices(second, a + k + 16);
    cuda::mma(sums[k / 32 % 2 * 2], first, right[0], right[1]);
    cuda::mma(sums[k / 32 % 2 * 2 + 1], second, right[2], right[3]);
  }
#pragma unroll
  for (int e = 0; e < 4; ++e) {
    const int row = row0 + lane / 4 + e / 2 * 8, column = column0 + lane % 4 * 2 + e % 2;
    shared.scores[row * kScoreStride + column] =
        ((sums[0][e] + sums[1][e]) + (sums[2][e] + sums[3][e])) * scale;
  }
}

/// Warp w takes rows 4 w .. 4 w + 3, a lane each pick; `largest` and `totals` are theirs.
__device__ __forceinline__ void soften(Shared& shared, int stage, float (&largest)[4],
                                       float (&totals)[4]) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const bool there = shared.present[stage][lane] != 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int row = warp * 4 + i;
    const float score = there ? shared.scores[row * kScoreStride + lane] : minus_infinity();
    const float new_max = fmaxf(largest[i], cuda::warp_max(score));
    const float worth = rescale(largest[i], new_max);
    Bf16& weight = shared.weights[row * kWeightStride + lane];
    cuda::store(weight, there ? expf(score - new_max) : 0.0f);
    // The sum is over the weights as the product uses them.
    totals[i] = totals[i] * worth + cuda::warp_sum(cuda::to_float(weight));
    largest[i] = new_max;
    if (lane == 0) shared.rescales[row] = worth;
  }
}

using Sums = float[2][kColumnTiles][4];

/// Warp w sums columns 64 w .. 64 w + 63 of all heads.
__device__ __forceinline__ void add_values(const Shared& shared, int stage, Sums& sums) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  std::uint32_t weights[2][kPicks / 16][4];
#pragma unroll
  for (int m = 0; m < 2; ++m) {
    const float upper = shared.rescales[m * 16 + lane / 4];
    const float lower = shared.rescales[m * 16 + lane / 4 + 8];
#pragma unroll
    for (int c = 0; c < kColumnTiles; ++c) {
      sums[m][c][0] *= upper;
      sums[m][c][1] *= upper;
      sums[m][c][2] *= lower;
      sums[m][c][3] *= lower;
    }
#pragma unroll
    for (int k = 0; k < kPicks / 16; ++k) {
      cuda::load_matrices(weights[m][k], shared.weights + (m * 16 + lane % 16) * kWeightStride +
                                             k * 16 + lane / 16 * 8);
    }
  }
  const Bf16* values =
      shared.keys[stage] + (lane % 16) * kStride + warp * kColumnTiles * 8 + lane / 16 * 8;
#pragma unroll
  for (int c = 0; c < kColumnTiles; c += 2) {
#pragma unroll
    for (int k = 0; k < kPicks / 16; ++k) {
      std::uint32_t right[4];
      cuda::load_matrices_transposed(right, values + k * 16 * kStride + c * 8);
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        cuda::mma(sums[m][c], weights[m][k], right[0], right[1]);
        cuda::mma(sums[m][c + 1], weights[m][k], right[2], right[3]);
      }
    }
  }
}

/// A head's sum of weights; NaN once a key was none that may be attended to.
__device__ __forceinline__ float total_of(const Shared& shared, int head) {
  return shared.broken != 0 ? cuda::quiet_nan() : shared.totals[head];
}

/// Two neighbouring columns at a time: a partial result, or the result.
__device__ __forceinline__ void write_block(const Shared& shared, const MlaCall& call,
                                            const MlaQuery& query, int head0, const Sums& sums) {
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  if (call.splits > 1 && thread < kHeads && head0 + thread < call.heads) {
    write_state(call, query, head0 + thread, shared.maxima[thread], total_of(shared, thread));
  }
#pragma unroll
  for (int m = 0; m < 2; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int h = m * 16 + half * 8 + lane / 4, head = head0 + h;
      if (head >= call.heads) continue;
      const float total = total_of(shared, h);
#pragma unroll
      for (int c = 0; c < kColumnTiles; ++c) {
        const int column = (warp * kColumnTiles + c) * 8 + lane % 4 * 2;
        const float first = sums[m][c][half * 2], second = sums[m][c][half * 2 + 1];
        if (call.splits > 1) {
          float* to = call.values + state_index(call, query, head) * kLatent + column;
          *reinterpret_cast<float2*>(to) = make_float2(first, second);
        } else {
          Bf16* to = out_row<Bf16>(call, query, head) + column;
          cuda::store(to[0], weighted_mean(first, total));
          cuda::store(to[1], weighted_mean(second, total));
        }
      }
    }
  }
}

/// One query's group of 32 heads over tiles of 32 picks, the next two of which are on their way.
template <bool kFp8>
__global__ void __launch_bounds__(kThreads, 1)
    mla_picks_kernel(const __grid_constant__ MlaBatch batch, const MlaCall call) {
  extern __shared__ __align__(16) unsigned char raw[];
  auto& shared = *reinterpret_cast<Shared*>(raw);
  cuda::let_next_kernel_start();
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;
  const MlaQuery query = find_query(batch, call);
  const int head0 = static_cast<int>(blockIdx.y) * kHeads;
  const int tiles = (query.end - query.begin + kPicks - 1) / kPicks;
  if (thread == 0) shared.broken = 0;
  PickFeed feed(query);
  copy_queries(shared, call, query.row, head0);
  __syncthreads();
  CodedPiece piece;
  if constexpr (kFp8) {
    cuda::copies_commit();
    piece = load_piece(*query.segment, feed);
    note_pick(shared, feed, 0);
    store_piece(shared, piece, 0);
    feed.advance();
  } else {
    for (int tile = 0; tile < kStages - 1; ++tile) {
      if (tile < tiles) copy_tile(shared, *query.segment, feed, tile);
      cuda::copies_commit();
      feed.advance();
    }
  }

  Sums sums = {};
  float largest[4], totals[4] = {};
  for (float& value : largest) value = minus_infinity();
  int stage = 0;
  for (int tile = 0; tile < tiles; ++tile) {
    const int next = stage + 1 == kStages ? 0 : stage + 1;
    if constexpr (kFp8) {
      cuda::copies_wait_but<0>();
      if (tile + 1 < tiles) {
        piece = load_piece(*query.segment, feed);
        note_pick(shared, feed, next);
        feed.advance();
      }
      __syncthreads();
    } else {
      cuda::copies_wait_but<kStages - 2>();
      __syncthreads();  // all have come, and the stage of the tile before is free
      if (tile + kStages - 1 < tiles) {
        copy_tile(shared, *query.segment, feed, (stage + kStages - 1) % kStages);
        feed.advance();
      }
      cuda::copies_commit();
    }
    score_tile(shared, stage, call.scale);
    __syncthreads();
    soften(shared, stage, largest, totals);
    __syncthreads();
    add_values(shared, stage, sums);
    if constexpr (kFp8) {
      if (tile + 1 < tiles) store_piece(shared, piece, next);
    }
    stage = next;
  }
  cuda::copies_wait_but<0>();
  if (thread % 32 == 0) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      shared.maxima[warp * 4 + i] = largest[i];
      shared.totals[warp * 4 + i] = totals[i];
    }
  }
  __syncthreads();
  write_block(shared, call, query, head0, sums);
}

}  // namespace

bool mla_picks_fit_device() {
  int device = 0, bytes = 0;
  DSABENCH_CUDA_CHECK(cudaGetDevice(&device));
  DSABENCH_CUDA_CHECK(
      cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
  return bytes >= static_cast<int>(sizeof(Shared));
}

void launch_mla_picks(const cuda::Launch& launch, const MlaBatch& batch, const MlaCall& call) {
  constexpr int kBytes = static_cast<int>(sizeof(Shared));
  const auto kernel = batch.segments[0].fp8 ? mla_picks_kernel<true> : mla_picks_kernel<false>;
  DSABENCH_CUDA_CHECK(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes));
  const dim3 grid(cuda::grid_size(batch.num_rows),
                  cuda::grid_size(cuda::ceil_div(call.heads, kHeads)),
                  cuda::grid_size(call.splits));
  kernel<<<grid, kThreads, kBytes, launch.stream()>>>(batch, call);
  launch.check();
}

}  // namespace dsabench::ops::detail
