#include "kernels/cuda/architecture.h"
#include "kernels/cuda/check.h"
#include "kernels/cuda/numeric.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/cuda/sm90.cuh"
#include "kernels/cuda/tensor_map.h"
#include "kernels/ops/moe_experts_few.h"
#include "kernels/ops/moe_experts_sm90.h"

namespace dsabench::ops::detail {
namespace {

using cuda::Bf16;
namespace sm90 = cuda::sm90;

/// A stage holds 128 bytes of depth of a tile: 192 left rows and 256 rows of weights.
constexpr int kDepth = 64, kStages = 4;
constexpr int kTileColumns = 256;
/// Columns of one product: with 256 the compiler wants more registers than 512 threads start with.
constexpr int kHalf = kTileColumns / 2;
constexpr int kConsumers = 3;  ///< warpgroups of 64 rows; one more fetches
constexpr int kThreads = (kConsumers + 1) * sm90::kWarpgroup;
constexpr int kGroupRows = 64;
constexpr int kLeftBytes = kConsumers * kGroupRows * sm90::kSlabRowBytes;
constexpr int kWeightBytes = kTileColumns * sm90::kSlabRowBytes;
constexpr int kStageBytes = kLeftBytes + kWeightBytes;
constexpr int kSlabAlignment = 1024;
constexpr int kDynamicBytes = kStages * kStageBytes + kSlabAlignment;
/// From here on a call takes this path; fewer pairs have kernels of their own.
constexpr std::int64_t kMinPairs = kMaxFewPairs + 1;

static_assert(kMoeSm90Cut.rows == kConsumers * kGroupRows && kMoeSm90Cut.step == kGroupRows);

/// gate_up: weights are 128 gate and their 128 up rows, out is their SwiGLU. down: out is the sums.
enum class Product { gate_up, down };
template <Product kProduct>
constexpr int kOutColumns = kProduct == Product::gate_up ? kHalf : kTileColumns;
/// Rows of weights that lie together, fetched as one box.
template <Product kProduct>
constexpr int kBoxRows = kOutColumns<kProduct>;

struct Call {
  const Bf16* left;
  std::int64_t left_stride;
  void* out;      ///< [pairs, columns], contiguous: bf16 of gate_up, f32 of down
  int depth;      ///< a multiple of kDepth
  int columns;    ///< of out
  int left_rows;  ///< pairs that one left row stands for; 0: left rows are grouped rows
  Grouping grouping;
  std::int32_t* next_work;
};

/// What the block's warpgroups share beside the stages.
struct Control {
  std::uint64_t full[kStages], empty[kStages];
  int4 tile[kStages];  ///< where a tile begins: row, rows (0: no more tiles), column
  const Bf16* left[kConsumers * kGroupRows];  ///< of the tile being fetched; null: zeros
  std::int32_t next_work;
};

[[maybe_unused]] __device__ __forceinline__ std::uint8_t* stage_at(std::uint8_t* stages,
                                                                   int stage) {
  return stages + stage * kStageBytes;
}

/// Fetches tile after tile. Work is handed out expert by expert, column by column, an expert's
/// tiles of one column in a row: so that its weights are read once and its rows stay in L2.
template <Product kProduct>
__device__ __forceinline__ void fetch_tiles(const CUtensorMap& weights, const Call& call,
                                            Control& control, std::uint8_t* stages) {
  constexpr int kThreadsHere = sm90::kWarpgroup, kBarrier = 1;
  const int thread = static_cast<int>(threadIdx.x) % kThreadsHere;
  const int columns = (call.columns + kOutColumns<kProduct> - 1) / kOutColumns<kProduct>;
  const int work_end = *call.grouping.num_tiles * columns;
  sm90::RingPlace<kStages> place;
  int work = static_cast<int>(blockIdx.x);
  while (work < work_end) {
    const ExpertTile any = call.grouping.tiles[work / columns];
    const int of_expert = work - any.first * columns;
    const ExpertTile tile = call.grouping.tiles[any.first + of_expert % any.count];
    const int column = of_expert / any.count * kOutColumns<kProduct>;
    const int rows = tile.end - tile.row;
    for (int r = thread; r < kConsumers * kGroupRows; r += kThreadsHere) {
      const Bf16* left = nullptr;
      if (r < rows) {
        const int row = tile.row + r;
        const int from = call.left_rows > 0 ? call.grouping.pair_at[row] / call.left_rows : row;
        left = call.left + from * call.left_stride;
      }
      control.left[r] = left;
    }
    sm90::named_barrier(kBarrier, kThreadsHere);
    const int next_work =
        thread == 0 ? static_cast<int>(gridDim.x) + atomicAdd(call.next_work, 1) : 0;
    // This thread copies chunk `chunk` of rows thread / 8, thread / 8 + 16, ...
    const int chunk = thread % 8;
    const Bf16* const* left = control.left + thread / 8;
    for (int k = 0; k < call.depth; k += kDepth) {
      sm90::barrier_wait(&control.empty[place.stage], place.parity ^ 1);
      std::uint8_t* stage = stage_at(stages, place.stage);
      std::uint64_t* full = &control.full[place.stage];
      if (thread == 0) {
        if (k == 0) control.tile[place.stage] = make_int4(tile.row, rows, column, 0);
        sm90::barrier_arrive_expecting(full, kWeightBytes);
        sm90::copy_box(stage + kLeftBytes, &weights, full, k, column, tile.expert);
        if constexpr (kProduct == Product::gate_up) {
          sm90::copy_box(stage + kLeftBytes + kHalf * sm90::kSlabRowBytes, &weights, full, k,
                         call.columns + column, tile.expert);
        }
      }
      // Rows 16 apart have the same place in the swizzle.
      const std::uint32_t to = cuda::shared_address(stage) +
                               static_cast<std::uint32_t>(sm90::slab_offset(thread / 8, chunk));
      for (int r = 0; r < rows; r += kGroupRows) {
#pragma unroll
        for (int i = 0; i < kGroupRows; i += 16) {
          const Bf16* from = left[r + i];
          cuda::copy_async16(to + static_cast<std::uint32_t>((r + i) * sm90::kSlabRowBytes),
                             from == nullptr ? call.left : from + k + chunk * 8, from != nullptr);
        }
      }
      sm90::barrier_arrive_after_copies(full);
      place.advance();
    }
    if (thread == 0) control.next_work = next_work;
    sm90::named_barrier(kBarrier, kThreadsHere);
    work = control.next_work;
  }
  sm90::barrier_wait(&control.empty[place.stage], place.parity ^ 1);
  if (thread == 0) {
    control.tile[place.stage] = make_int4(0, 0, 0, 0);
    sm90::barrier_arrive(&control.full[place.stage]);
  }
  sm90::barrier_arrive_after_copies(&control.full[place.stage]);
  cuda::copies_wait();
}

/// The bf16 pair of two neighbours, `low` first in memory.
[[maybe_unused]] __device__ __forceinline__ std::uint32_t bf16_pair(float low, float high) {
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

/// Fast forms: their error is far below what bf16 keeps.
[[maybe_unused]] __device__ __forceinline__ float swiglu(float gate, float up) {
  return __fdividef(gate, 1.0f + __expf(-gate)) * up;
}

/// One row of a tile in a thread: of columns [128 h, + 128) in sums[h], where elements 4 j + kPart
/// and the next are columns 8 j + lane % 4 * 2 and the next.
using Sums = float[2][64];

/// All lanes of a warp call it.
template <Product kProduct, int kPart>
__device__ __forceinline__ void write_row(const Call& call, const Sums& sums, int row, bool valid,
                                          int column0) {
  constexpr int kBlocks = kHalf / 8;
  const int quad = static_cast<int>(threadIdx.x) % 4;
  const std::int64_t begin = std::int64_t{row} * call.columns;
  if constexpr (kProduct == Product::down) {
    float* out = static_cast<float*>(call.out) + begin;
#pragma unroll
    for (int j = 0; j < 2 * kBlocks; ++j) {
      const int column = column0 + 8 * j + quad * 2;
      if (!valid || column >= call.columns) continue;
      const float* pair = &sums[j / kBlocks][4 * (j % kBlocks) + kPart];
      *reinterpret_cast<float2*>(out + column) = make_float2(pair[0], pair[1]);
    }
  } else {
    Bf16* out = static_cast<Bf16*>(call.out) + begin;
    const auto pair_of = [&](int j) {
      const int at = 4 * j + kPart;
      return bf16_pair(swiglu(sums[0][at], sums[1][at]), swiglu(sums[0][at + 1], sums[1][at + 1]));
    };
    // Two lanes exchange, so that each has four columns in a row: the even of block j, the odd of
    // block j + 1.
    const bool odd = (quad & 1) != 0;
#pragma unroll
    for (int j = 0; j < kBlocks; j += 2) {
      const std::uint32_t first = pair_of(j), second = pair_of(j + 1);
      const std::uint32_t other = __shfl_xor_sync(~0u, odd ? first : second, 1);
      const int column = column0 + 8 * (j + (odd ? 1 : 0)) + (quad & 2) * 2;
      if (!valid || column >= call.columns) continue;
      *reinterpret_cast<uint2*>(out + column) =
          odd ? make_uint2(other, second) : make_uint2(first, other);
    }
  }
}

/// Multiplies rows [64 group, + 64) of tile after tile.
template <Product kProduct>
__device__ __forceinline__ void multiply_tiles(const Call& call, Control& control,
                                               std::uint8_t* stages, int group) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32 % 4;
  const auto release = [&](int stage) {
    if (lane == 0) sm90::barrier_arrive(&control.empty[stage]);
  };
  sm90::RingPlace<kStages> place;
  for (;;) {
    sm90::barrier_wait(&control.full[place.stage], place.parity);
    const int4 tile = control.tile[place.stage];
    const int row0 = tile.x, rows = tile.y, column0 = tile.z;
    if (rows == 0) return;
    if (group * kGroupRows >= rows) {
      for (int k = 0; k < call.depth; k += kDepth) {
        sm90::barrier_wait(&control.full[place.stage], place.parity);
        __syncwarp();
        release(place.stage);
        place.advance();
      }
      continue;
    }
    Sums sums;
#pragma unroll
    for (auto& half : sums) {
#pragma unroll
      for (float& sum : half) sum = 0.0f;
    }
    int last = 0;
    for (int k = 0; k < call.depth; k += kDepth) {
      sm90::barrier_wait(&control.full[place.stage], place.parity);
      const std::uint8_t* stage = stage_at(stages, place.stage);
      const std::uint64_t left =
          sm90::row_operand(stage + group * kGroupRows * sm90::kSlabRowBytes);
      const std::uint64_t weights[] = {
          sm90::row_operand(stage + kLeftBytes),
          sm90::row_operand(stage + kLeftBytes + kHalf * sm90::kSlabRowBytes)};
      sm90::fence_for_products();
      sm90::products_begin();
#pragma unroll
      for (int i = 0; i < kDepth / 16; ++i) {
        sm90::wgmma_n128_bf16(sums[0], left + 2 * i, weights[0] + 2 * i, true);
        sm90::wgmma_n128_bf16(sums[1], left + 2 * i, weights[1] + 2 * i, true);
      }
      sm90::products_commit();
      if (k > 0) {
        sm90::products_wait<1>();
        release(last);
      }
      last = place.stage;
      place.advance();
    }
    sm90::products_wait<0>();
    sm90::hold(sums[0]);
    sm90::hold(sums[1]);
    release(last);
    const int first = group * kGroupRows + warp * 16 + lane / 4;
    write_row<kProduct, 0>(call, sums, row0 + first, first < rows, column0);
    write_row<kProduct, 2>(call, sums, row0 + first + 8, first + 8 < rows, column0);
  }
}

/// One block a multiprocessor. Empty where it is compiled for anything but sm_90a.
template <Product kProduct>
__global__ void __launch_bounds__(kThreads, 1)
    product_kernel(const __grid_constant__ CUtensorMap weights, const Call call) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ std::uint8_t dynamic[];
  __shared__ Control control;
  static_assert(sizeof(Control) + kDynamicBytes <= 227 * 1024);
  std::uint8_t* stages = dynamic + (-cuda::shared_address(dynamic) & (kSlabAlignment - 1));
  if (threadIdx.x == 0) {
    for (int s = 0; s < kStages; ++s) {
      // Every fetching thread's copies, and the thread that has the weights fetched.
      sm90::barrier_init(&control.full[s], sm90::kWarpgroup + 1);
      sm90::barrier_init(&control.empty[s], kConsumers * sm90::kWarpgroup / 32);
    }
    sm90::barrier_init_fence();
  }
  __syncthreads();
  const int group = __shfl_sync(~0u, static_cast<int>(threadIdx.x) / sm90::kWarpgroup, 0);
  if (group == kConsumers) {
    sm90::give_registers<32>();
    fetch_tiles<kProduct>(weights, call, control, stages);
  } else {
    sm90::take_registers<160>();
    multiply_tiles<kProduct>(call, control, stages, group);
  }
#endif
}

template <Product kProduct>
void launch_product(const cuda::Launch& launch, const ConstTensorView& weights, const Call& call) {
  const auto kernel = product_kernel<kProduct>;
  DSABENCH_CUDA_CHECK(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kDynamicBytes));
  const cuda::Matrices matrices{weights.raw(),  weights.dtype(),   weights.dim(0),   weights.dim(1),
                                weights.dim(2), weights.stride(0), weights.stride(1)};
  kernel<<<static_cast<unsigned>(cuda::num_multiprocessors()), kThreads, kDynamicBytes,
           launch.stream()>>>(cuda::slab_boxes(matrices, kBoxRows<kProduct>), call);
  launch.check();
}

}  // namespace

bool moe_sm90_fits(const MoeExpertsArgs& args) {
  const std::int64_t hidden = args.down.dim(1), intermediate = args.down.dim(2);
  return args.x.dtype() == DType::bf16 && args.experts.num_elements() >= kMinPairs &&
         args.down.dim(0) > 0 && hidden > 0 && intermediate > 0 && hidden % kDepth == 0 &&
         intermediate % kDepth == 0 && args.x.rows_aligned(16) && args.gate_up.rows_aligned(16) &&
         args.down.rows_aligned(16) && cuda::has_sm90a() && cuda::has_tensor_maps();
}

void launch_moe_sm90(const cuda::Launch& launch, const ConstTensorView& x,
                     const MoeExpertsArgs& args, const Grouping& grouping, Bf16* active,
                     float* parts) {
  const int hidden = static_cast<int>(args.down.dim(1));
  const int intermediate = static_cast<int>(args.down.dim(2));
  const auto rows = cuda::rows<const Bf16>(x);
  launch_product<Product::gate_up>(
      launch, args.gate_up,
      {rows.data, rows.stride, active, hidden, intermediate, static_cast<int>(args.experts.dim(1)),
       grouping, grouping.next_work});
  launch_product<Product::down>(
      launch, args.down,
      {active, intermediate, parts, intermediate, hidden, 0, grouping, grouping.next_work + 1});
}

}  // namespace dsabench::ops::detail
