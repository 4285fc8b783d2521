#include "kernels/cuda/dependent_launch.cuh"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/cuda/swiglu.cuh"
#include "kernels/ops/moe_experts_few.h"
#include "kernels/ops/moe_weights.cuh"

namespace dsabench::ops::detail {
namespace {

using cuda::Bf16;

constexpr int kWarps = 8, kThreads = kWarps * cuda::kWarpSize;
/// Values of a 16-byte load, and of a warp's.
constexpr int kLoad = 8, kWarpLoad = kLoad * cuda::kWarpSize;
/// Columns of gate and of up that a warp makes.
constexpr int kColumns = 2;
/// Experts of a token whose rows of `down` a warp reads side by side.
constexpr int kSlots = 4;
constexpr int kLineBytes = 128;

/// A call as both kernels see it.
struct FewCall {
  cuda::Rows<const Bf16> x;
  cuda::Rows<const std::int32_t> experts;
  cuda::Rows<const float> weights;
  ExpertWeights<Bf16> gate_up, down;
  Bf16* active;  ///< [pairs, intermediate]
  cuda::Rows<Bf16> out;
  unsigned long long* load;  ///< null: not counted
  int top_n, num_experts, hidden, intermediate;

  /// Of a token's slot; -1 for one that there is not.
  __device__ __forceinline__ int expert(int token, int slot) const {
    const std::int32_t chosen = experts[token][slot];
    return chosen >= 0 && chosen < num_experts ? chosen : -1;
  }
};

__device__ __forceinline__ float add_products(uint4 a, uint4 b, float sum) {
  const std::uint32_t left[] = {a.x, a.y, a.z, a.w}, right[] = {b.x, b.y, b.z, b.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    sum = fmaf(__uint_as_float(left[i] << 16), __uint_as_float(right[i] << 16), sum);
    sum =
        fmaf(__uint_as_float(left[i] & 0xffff0000u), __uint_as_float(right[i] & 0xffff0000u), sum);
  }
  return sum;
}

__device__ __forceinline__ uint4 load8(const Bf16* from) {
  return __ldg(reinterpret_cast<const uint4*>(from));
}

/// active[pair, i] = silu(gate[i] x) * (up[i] x); counts the pair.
__global__ void __launch_bounds__(kThreads) few_gate_up_kernel(const FewCall call) {
  cuda::let_next_kernel_start();
  const int pair = static_cast<int>(blockIdx.y);
  const int token = pair / call.top_n, expert = call.expert(token, pair % call.top_n);
  if (expert < 0) return;
  if (call.load != nullptr && blockIdx.x == 0 && threadIdx.x == 0) atomicAdd(call.load + expert, 1);
  const int lane = static_cast<int>(threadIdx.x) % cuda::kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / cuda::kWarpSize;
  const int column = (static_cast<int>(blockIdx.x) * kWarps + warp) * kColumns;
  if (column >= call.intermediate) return;
  const Bf16* x = call.x[token];
  const Bf16* gate[kColumns];
  const Bf16* up[kColumns];
#pragma unroll
  for (int c = 0; c < kColumns; ++c) {
    const int row = min(column + c, call.intermediate - 1);
    gate[c] = call.gate_up.row(expert, row);
    up[c] = call.gate_up.row(expert, std::int64_t{row} + call.intermediate);
  }
  float gates[kColumns] = {}, ups[kColumns] = {};
#pragma unroll 4
  for (int k = lane * kLoad; k < call.hidden; k += kWarpLoad) {
    const uint4 input = load8(x + k);
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
      gates[c] = add_products(load8(gate[c] + k), input, gates[c]);
      ups[c] = add_products(load8(up[c] + k), input, ups[c]);
    }
  }
#pragma unroll
  for (int c = 0; c < kColumns; ++c) {
    const float g = cuda::warp_sum(gates[c]), u = cuda::warp_sum(ups[c]);
    if (lane != 0 || column + c >= call.intermediate) continue;
    cuda::store(call.active[std::int64_t{pair} * call.intermediate + column + c],
                cuda::swiglu(g, u));
  }
}

/// Starts to bring a row into the cache.
__device__ __forceinline__ void prefetch_row(const Bf16* row, int count, int lane) {
  const auto* bytes = reinterpret_cast<const char*>(row);
  for (int at = lane * kLineBytes; at < count * 2; at += cuda::kWarpSize * kLineBytes) {
    asm volatile("prefetch.global.L2 [%0];" ::"l"(bytes + at));
  }
}

/// out[t, o] = sum over slots of weight * down[o] active[pair], in the order of the slots.
__global__ void __launch_bounds__(kThreads) few_down_kernel(const FewCall call) {
  const int token = static_cast<int>(blockIdx.y);
  const int lane = static_cast<int>(threadIdx.x) % cuda::kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / cuda::kWarpSize;
  const int output = static_cast<int>(blockIdx.x) * kWarps + warp;
  const bool there = output < call.hidden;
  // Weights are there before the activations.
  for (int n = 0; there && n < call.top_n; ++n) {
    const int expert = call.expert(token, n);
    if (expert >= 0) prefetch_row(call.down.row(expert, output), call.intermediate, lane);
  }
  cuda::wait_for_previous_kernel();
  if (!there) return;
  const Bf16* active = call.active + std::int64_t{token} * call.top_n * call.intermediate;
  float total = 0.0f;
  for (int first = 0; first < call.top_n; first += kSlots) {
    const Bf16* rows[kSlots];
    float sums[kSlots] = {};
#pragma unroll
    for (int s = 0; s < kSlots; ++s) {
      const int expert = first + s < call.top_n ? call.expert(token, first + s) : -1;
      rows[s] = expert < 0 ? nullptr : call.down.row(expert, output);
    }
#pragma unroll 2
    for (int k = lane * kLoad; k < call.intermediate; k += kWarpLoad) {
#pragma unroll
      for (int s = 0; s < kSlots; ++s) {
        if (rows[s] == nullptr) continue;
        // Not through the read-only cache: the kernel before may still have been running when this
        // one began.
        const uint4 input = *reinterpret_cast<const uint4*>(
            active + std::int64_t{first + s} * call.intermediate + k);
        sums[s] = add_products(load8(rows[s] + k), input, sums[s]);
      }
    }
#pragma unroll
    for (int s = 0; s < kSlots; ++s) {
      const float sum = cuda::warp_sum(sums[s]);
      if (first + s >= call.top_n) break;
      const float weight = rows[s] == nullptr ? cuda::quiet_nan() : call.weights[token][first + s];
      total = fmaf(weight, sum, total);
    }
  }
  if (lane == 0) cuda::store(call.out[token][output], total);
}

bool fits(const MoeExpertsArgs& args) {
  return args.x.dtype() == DType::bf16 && args.experts.num_elements() > 0 &&
         args.experts.num_elements() <= kMaxFewPairs && args.down.dim(0) > 0 &&
         args.down.dim(1) % kLoad == 0 && args.down.dim(2) % kLoad == 0 && args.down.dim(2) > 0 &&
         args.x.rows_aligned(16) && args.gate_up.rows_aligned(16) && args.down.rows_aligned(16);
}

}  // namespace

bool moe_experts_few(const cuda::Launch& launch, const MoeExpertsArgs& args) {
  if (!fits(args)) return false;
  const std::int64_t tokens = args.x.dim(0), pairs = args.experts.num_elements();
  const std::int64_t hidden = args.down.dim(1), intermediate = args.down.dim(2);
  const FewCall call{
      cuda::rows<const Bf16>(args.x),
      cuda::rows<const std::int32_t>(args.experts),
      cuda::rows<const float>(args.weights),
      ExpertWeights<Bf16>(args.gate_up),
      ExpertWeights<Bf16>(args.down),
      static_cast<Bf16*>(launch.scratch(pairs * intermediate * dtype_bytes(DType::bf16))),
      cuda::rows<Bf16>(args.out),
      args.load.empty() ? nullptr
                        : reinterpret_cast<unsigned long long*>(args.load.data<std::int64_t>()),
      static_cast<int>(args.experts.dim(1)),
      static_cast<int>(args.down.dim(0)),
      static_cast<int>(hidden),
      static_cast<int>(intermediate)};
  const dim3 columns(cuda::grid_size(cuda::ceil_div(intermediate, kWarps * kColumns)),
                     cuda::grid_size(pairs));
  few_gate_up_kernel<<<columns, kThreads, 0, launch.stream()>>>(call);
  launch.check();
  const dim3 outputs(cuda::grid_size(cuda::ceil_div(hidden, kWarps)), cuda::grid_size(tokens));
  cuda::launch_dependent(launch, few_down_kernel, outputs, kThreads, 0, call);
  return true;
}

}  // namespace dsabench::ops::detail
