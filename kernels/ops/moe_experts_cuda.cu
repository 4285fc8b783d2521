#include <algorithm>
#include <type_traits>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/rows.cuh"
#include "kernels/cuda/swiglu.cuh"
#include "kernels/cuda/tile_product.cuh"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/moe_experts_few.h"
#include "kernels/ops/moe_experts_sm90.h"
#include "kernels/ops/moe_grouping.h"
#include "kernels/ops/moe_weights.cuh"

namespace dsabench::ops::detail {
namespace {

constexpr int kTileColumns = 128;
/// (token, expert) rows of a tile.
template <class T>
constexpr int kTileRows = 64;
template <>
constexpr int kTileRows<cuda::Bf16> = 128;
/// Most (token, expert) pairs at a time: bounds the scratch to 2 * intermediate + 4 * hidden bytes
/// (bf16) times as many, and is enough for 8192 tokens of 4 experts to read the weights once.
constexpr std::int64_t kMaxPairs = 32768;

/// Multiplies a tile over `depth`; row_a and row_b give rows in global memory, or null for zeros.
template <class T, class RowA, class RowB>
__device__ __forceinline__ void multiply_tile(
    cuda::TileProduct<T, kTileRows<T>, kTileColumns>& product, int depth, bool aligned,
    RowA&& row_a, RowB&& row_b) {
  constexpr int kM = kTileRows<T>, kN = kTileColumns, kDepth = cuda::kTileDepth<T>;
  constexpr int kStride = kDepth + cuda::kTilePad<T>, kSize = cuda::Chunk<T>::kSize;
  constexpr int kRowsA = kM / 32, kRowsB = kN / 32;
  __shared__ __align__(16) T a[kM * kStride];
  __shared__ __align__(16) T b[kN * kStride];
  // Thread t holds chunk t % 8 of rows t / 8, t / 8 + 32, ...
  const int first_row = static_cast<int>(threadIdx.x) / 8;
  const int offset = static_cast<int>(threadIdx.x) % 8 * kSize;
  const T* rows_a[kRowsA];
  const T* rows_b[kRowsB];
  for (int i = 0; i < kRowsA; ++i) rows_a[i] = row_a(first_row + 32 * i);
  for (int i = 0; i < kRowsB; ++i) rows_b[i] = row_b(first_row + 32 * i);
  cuda::Chunk<T> next_a[kRowsA], next_b[kRowsB];
  const auto fetch = [&](int k) {
#pragma unroll
    for (int i = 0; i < kRowsA; ++i) {
      next_a[i] = cuda::load_chunk(rows_a[i], k + offset, depth, aligned);
    }
#pragma unroll
    for (int i = 0; i < kRowsB; ++i) {
      next_b[i] = cuda::load_chunk(rows_b[i], k + offset, depth, aligned);
    }
  };
  product.clear();
  fetch(0);
  for (int k = 0; k < depth; k += kDepth) {
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kRowsA; ++i) {
      cuda::store_chunk(a + (first_row + 32 * i) * kStride + offset, next_a[i]);
    }
#pragma unroll
    for (int i = 0; i < kRowsB; ++i) {
      cuda::store_chunk(b + (first_row + 32 * i) * kStride + offset, next_b[i]);
    }
    __syncthreads();
    if (k + kDepth < depth) fetch(k + kDepth);
    product.step(a, kStride, b, kStride, kDepth);
  }
}

/// active[grouped row, i] = silu(gate[i] x) * (up[i] x). A tile holds 64 gate rows and their 64 up
/// rows, in turns of 32, so that one thread has both sums.
template <class T>
__global__ void __launch_bounds__(cuda::kTileThreads)
    gate_up_kernel(cuda::Rows<const T> x, ExpertWeights<T> gate_up, T* active, Grouping grouping,
                   int top_n, int hidden, int intermediate, bool aligned) {
  if (static_cast<int>(blockIdx.y) >= *grouping.num_tiles) return;
  const ExpertTile tile = grouping.tiles[blockIdx.y];
  const int row0 = tile.row, end = tile.end;
  const T* weights = gate_up.row(tile.expert, 0);
  const int column0 = static_cast<int>(blockIdx.x) * (kTileColumns / 2);
  const auto column_of = [&](int tile_column) {
    return column0 + (tile_column >> 6) * 32 + (tile_column & 31);
  };
  cuda::TileProduct<T, kTileRows<T>, kTileColumns> product;
  multiply_tile<T>(
      product, hidden, aligned,
      [&](int r) { return row0 + r < end ? x[grouping.pair_at[row0 + r] / top_n] : nullptr; },
      [&](int c) {
        const int column = column_of(c);
        const std::int64_t row = (c & 32) == 0 ? column : column + std::int64_t{intermediate};
        return column < intermediate ? weights + row * gate_up.row_stride : nullptr;
      });
  product.each_pair([&](int r, int c, float gate, float up) {
    const int column = column_of(c);
    if (row0 + r >= end || column >= intermediate) return;
    cuda::store(active[std::int64_t{row0 + r} * intermediate + column], cuda::swiglu(gate, up));
  });
}

/// parts[grouped row, o] = down[o] active[grouped row]
template <class T>
__global__ void __launch_bounds__(cuda::kTileThreads)
    down_kernel(const T* active, ExpertWeights<T> down, float* parts, Grouping grouping, int hidden,
                int intermediate, bool aligned) {
  if (static_cast<int>(blockIdx.y) >= *grouping.num_tiles) return;
  const ExpertTile tile = grouping.tiles[blockIdx.y];
  const int row0 = tile.row, end = tile.end;
  const T* weights = down.row(tile.expert, 0);
  const int column0 = static_cast<int>(blockIdx.x) * kTileColumns;
  cuda::TileProduct<T, kTileRows<T>, kTileColumns> product;
  multiply_tile<T>(
      product, intermediate, aligned,
      [&](int r) {
        return row0 + r < end ? active + std::int64_t{row0 + r} * intermediate : nullptr;
      },
      [&](int c) {
        return column0 + c < hidden ? weights + (column0 + c) * down.row_stride : nullptr;
      });
  product.each([&](int r, int c, int, float sum) {
    if (row0 + r >= end || column0 + c >= hidden) return;
    parts[std::int64_t{row0 + r} * hidden + column0 + c] = sum;
  });
}

template <class T>
class Experts {
 public:
  Experts(const cuda::Launch& launch, const MoeExpertsArgs& args)
      : launch_(launch),
        args_(args),
        top_n_(static_cast<int>(args.experts.dim(1))),
        num_experts_(static_cast<int>(args.down.dim(0))),
        hidden_(static_cast<int>(args.down.dim(1))),
        intermediate_(static_cast<int>(args.down.dim(2))),
        chunk_tokens_(std::clamp<std::int64_t>(kMaxPairs / std::max(1, top_n_), 1,
                                               std::max<std::int64_t>(1, args.x.dim(0)))),
        sm90_(moe_sm90_fits(args)),
        cut_(sm90_ ? kMoeSm90Cut : TileCut{kTileRows<T>, kTileRows<T>}) {
    const std::int64_t pairs = chunk_tokens_ * top_n_;
    cuda::ScratchLayout layout;
    const std::int64_t pair_at = layout.add<std::int32_t>(pairs);
    const std::int64_t row_of = layout.add<std::int32_t>(pairs);
    const std::int64_t tiles = layout.add<ExpertTile>(cut_.max_tiles(pairs, num_experts_));
    const std::int64_t counters = layout.add<std::int32_t>(3);
    const std::int64_t active = layout.add<T>(pairs * intermediate_);
    const std::int64_t parts = layout.add<float>(pairs * hidden_);
    void* scratch = launch.scratch(layout.bytes());
    auto* counter_data = cuda::scratch_array<std::int32_t>(scratch, counters);
    grouping_ = {cuda::scratch_array<std::int32_t>(scratch, pair_at),
                 cuda::scratch_array<std::int32_t>(scratch, row_of),
                 cuda::scratch_array<ExpertTile>(scratch, tiles), counter_data, counter_data + 1};
    active_ = cuda::scratch_array<T>(scratch, active);
    parts_ = cuda::scratch_array<float>(scratch, parts);
  }

  void run() const {
    for (std::int64_t t = 0; t < args_.x.dim(0); t += chunk_tokens_) {
      run_tokens(t, std::min(chunk_tokens_, args_.x.dim(0) - t));
    }
  }

 private:
  void run_tokens(std::int64_t first, std::int64_t tokens) const {
    const auto x = args_.x.rows(first, tokens);
    plan_groups(launch_, args_.experts.rows(first, tokens), num_experts_, cut_,
                args_.load.empty() ? nullptr : args_.load.data<std::int64_t>(), grouping_);
    const std::int64_t pairs = tokens * top_n_;
    if (pairs > 0) multiply(x, pairs);
    combine_groups(launch_, parts_, grouping_, args_.weights.rows(first, tokens),
                   args_.out.rows(first, tokens));
  }

  void multiply(const ConstTensorView& x, std::int64_t pairs) const {
    if constexpr (std::is_same_v<T, cuda::Bf16>) {
      if (sm90_) return launch_moe_sm90(launch_, x, args_, grouping_, active_, parts_);
    }
    const unsigned tiles = cuda::grid_size(cut_.max_tiles(pairs, num_experts_));
    if (tiles == 0) return;
    if (intermediate_ > 0) {
      const dim3 grid(cuda::grid_size(cuda::ceil_div(intermediate_, kTileColumns / 2)), tiles);
      gate_up_kernel<T><<<grid, cuda::kTileThreads, 0, launch_.stream()>>>(
          cuda::rows<const T>(x), ExpertWeights<T>(args_.gate_up), active_, grouping_, top_n_,
          hidden_, intermediate_, x.rows_aligned(16) && args_.gate_up.rows_aligned(16));
      launch_.check();
    }
    const bool active_aligned = intermediate_ * sizeof(T) % 16 == 0;
    const dim3 grid(cuda::grid_size(cuda::ceil_div(hidden_, kTileColumns)), tiles);
    down_kernel<T><<<grid, cuda::kTileThreads, 0, launch_.stream()>>>(
        active_, ExpertWeights<T>(args_.down), parts_, grouping_, hidden_, intermediate_,
        active_aligned && args_.down.rows_aligned(16));
    launch_.check();
  }

  const cuda::Launch& launch_;
  const MoeExpertsArgs& args_;
  int top_n_, num_experts_, hidden_, intermediate_;
  std::int64_t chunk_tokens_;
  bool sm90_;
  TileCut cut_;
  Grouping grouping_{};
  T* active_ = nullptr;
  float* parts_ = nullptr;
};

}  // namespace

void moe_experts_cuda(const Context& ctx, const MoeExpertsArgs& args) {
  const cuda::Launch launch(ctx, "moe_experts");
  if (args.x.dim(0) == 0 || args.down.dim(1) == 0) return;
  if (moe_experts_few(launch, args)) return;
  cuda::with_activation_type(args.x.dtype(), [&]<class T>(T) { Experts<T>(launch, args).run(); });
}

}  // namespace dsabench::ops::detail
