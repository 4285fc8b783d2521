#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/cuda/tile_product.cuh"
#include "kernels/ops/mla_query.cuh"

namespace dsabench::ops::detail {
namespace {

using cuda::Bf16;

constexpr int kThreads = 256;
constexpr int kHeads = 32, kKeys = 64;
constexpr int kPad = 8;                  ///< 16 bytes against bank conflicts
constexpr int kScoreStride = kKeys + 4;  ///< of f32
constexpr int kWeightStride = kKeys + kPad;
/// 16-column units of the latent that one warp sums: 8 warps hold 512 columns.
constexpr int kUnits = 4;

struct Shared {
  float scores[kHeads * kScoreStride];
  Bf16 weights[kHeads * kWeightStride];
  float rescales[kHeads], maxima[kHeads], totals[kHeads];
  std::int32_t keys[2][kKeys];
  int broken;
};

/// A head's sum of weights; NaN once a key was none that may be attended to.
__device__ __forceinline__ float total_of(const Shared& shared, int head) {
  return shared.broken != 0 ? cuda::quiet_nan() : shared.totals[head];
}

/// Starts the copy of the tile's keys; absent ones become zeros.
__device__ __forceinline__ void gather(const MlaQuery& query, const MlaCall& call, Shared& shared,
                                       Bf16* keys, int buffer, int begin, int stride) {
  const int chunks = (call.latent + call.rope) / 8;
  const auto* latents = static_cast<const Bf16*>(query.segment->latents);
  for (int c = static_cast<int>(threadIdx.x); c < kKeys * chunks; c += kThreads) {
    const int j = c / chunks, part = c % chunks;
    const std::int32_t key = query.key(begin + j);
    if (part == 0) {
      shared.keys[buffer][j] = key;
      if (key == -2) shared.broken = 1;
    }
    const std::int64_t at = key < 0 ? 0 : query.latents_at(key);
    cuda::copy_async16(cuda::shared_address(keys + j * stride + part * 8), latents + at + part * 8,
                       key >= 0);
  }
  cuda::copies_commit();
}

/// scores[32, 64] = queries keys^T: warp w has rows 16 * (w % 2), columns 16 * (w / 2).
__device__ __forceinline__ void score_tile(const Bf16* queries, const Bf16* keys, int stride,
                                           int dim, float scale, Shared& shared) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int row0 = warp % 2 * 16, column0 = warp / 2 * 16;
  const Bf16* a = queries + (row0 + lane % 16) * stride + lane / 16 * 8;
  const Bf16* b = keys + (column0 + lane / 16 * 8 + lane % 8) * stride + lane / 8 % 2 * 8;
  float sums[2][4] = {};
#pragma unroll 4
  for (int k = 0; k < dim; k += 16) {
    std::uint32_t left[4], right[4];
    cuda::load_matrices(left, a + k);
    cuda::load_matrices(right, b + k);
    cuda::mma(sums[0], left, right[0], right[1]);
    cuda::mma(sums[1], left, right[2], right[3]);
  }
#pragma unroll
  for (int tile = 0; tile < 2; ++tile) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int row = row0 + lane / 4 + e / 2 * 8;
      const int column = column0 + tile * 8 + lane % 4 * 2 + e % 2;
      shared.scores[row * kScoreStride + column] = sums[tile][e] * scale;
    }
  }
}

/// Warp w takes rows 4 w .. 4 w + 3; `largest` and `totals` are theirs.
__device__ __forceinline__ void soften(Shared& shared, int buffer, float (&largest)[4],
                                       float (&totals)[4]) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const bool first_there = shared.keys[buffer][lane] >= 0;
  const bool second_there = shared.keys[buffer][lane + 32] >= 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int row = warp * 4 + i;
    const float first = first_there ? shared.scores[row * kScoreStride + lane] : minus_infinity();
    const float second =
        second_there ? shared.scores[row * kScoreStride + lane + 32] : minus_infinity();
    const float new_max = fmaxf(largest[i], cuda::warp_max(fmaxf(first, second)));
    const float worth = rescale(largest[i], new_max);
    const float first_weight = first_there ? expf(first - new_max) : 0.0f;
    const float second_weight = second_there ? expf(second - new_max) : 0.0f;
    Bf16* weights = shared.weights + row * kWeightStride;
    cuda::store(weights[lane], first_weight);
    cuda::store(weights[lane + 32], second_weight);
    // The sum is over the weights as the product uses them.
    totals[i] = totals[i] * worth +
                cuda::warp_sum(cuda::to_float(weights[lane]) + cuda::to_float(weights[lane + 32]));
    largest[i] = new_max;
    if (lane == 0) shared.rescales[row] = worth;
  }
}

/// One query's group of 32 heads over tiles of 64 keys, the next tile copied meanwhile.
__global__ void __launch_bounds__(kThreads)
    mla_tensor_kernel(const __grid_constant__ MlaBatch batch, const MlaCall call) {
  extern __shared__ __align__(16) unsigned char raw[];
  auto& shared = *reinterpret_cast<Shared*>(raw);
  const int dim = call.latent + call.rope, stride = dim + kPad;
  Bf16* queries = reinterpret_cast<Bf16*>(raw + (sizeof(Shared) + 15) / 16 * 16);
  Bf16* keys[2] = {queries + kHeads * stride, queries + (kHeads + kKeys) * stride};
  const int tid = static_cast<int>(threadIdx.x), lane = tid % 32, warp = tid / 32;
  const MlaQuery query = find_query(batch, call);
  const int head0 = static_cast<int>(blockIdx.y) * kHeads;
  if (tid == 0) shared.broken = 0;
  __syncthreads();
  for (int c = tid; c < kHeads * dim / 8; c += kThreads) {
    const int h = c / (dim / 8), d = c % (dim / 8) * 8, head = min(head0 + h, call.heads - 1);
    const Bf16* from =
        d < call.latent
            ? static_cast<const Bf16*>(call.q_latent) + query.row * call.q_latent_strides[0] +
                  head * call.q_latent_strides[1] + d
            : static_cast<const Bf16*>(call.q_rope) + query.row * call.q_rope_strides[0] +
                  head * call.q_rope_strides[1] + d - call.latent;
    cuda::copy_async16(cuda::shared_address(queries + h * stride + d), from,
                       head0 + h < call.heads);
  }
  gather(query, call, shared, keys[0], 0, query.begin, stride);

  float sums[2][kUnits][2][4] = {};
  float largest[4], totals[4] = {};
  for (float& value : largest) value = minus_infinity();
  const int units = call.latent / 16;
  int buffer = 0;
  for (int begin = query.begin; begin < query.end; begin += kKeys, buffer ^= 1) {
    if (begin + kKeys < query.end) {
      gather(query, call, shared, keys[buffer ^ 1], buffer ^ 1, begin + kKeys, stride);
      cuda::copies_wait_but<1>();
    } else {
      cuda::copies_wait_but<0>();
    }
    __syncthreads();
    score_tile(queries, keys[buffer], stride, dim, call.scale, shared);
    __syncthreads();
    soften(shared, buffer, largest, totals);
    __syncthreads();
    std::uint32_t weights[2][4][4];  // [16 rows][16 keys]
#pragma unroll
    for (int m = 0; m < 2; ++m) {
      const float upper = shared.rescales[m * 16 + lane / 4];
      const float lower = shared.rescales[m * 16 + lane / 4 + 8];
#pragma unroll
      for (int u = 0; u < kUnits; ++u) {
#pragma unroll
        for (int tile = 0; tile < 2; ++tile) {
          sums[m][u][tile][0] *= upper;
          sums[m][u][tile][1] *= upper;
          sums[m][u][tile][2] *= lower;
          sums[m][u][tile][3] *= lower;
        }
      }
#pragma unroll
      for (int k = 0; k < kKeys / 16; ++k) {
        cuda::load_matrices(weights[m][k], shared.weights + (m * 16 + lane % 16) * kWeightStride +
                                               k * 16 + lane / 16 * 8);
      }
    }
#pragma unroll
    for (int u = 0; u < kUnits; ++u) {
      const int unit = warp + 8 * u;
      if (unit >= units) break;
      const Bf16* values = keys[buffer] + (lane % 16) * stride + unit * 16 + lane / 16 * 8;
#pragma unroll
      for (int k = 0; k < kKeys / 16; ++k) {
        std::uint32_t right[4];
        cuda::load_matrices_transposed(right, values + k * 16 * stride);
#pragma unroll
        for (int m = 0; m < 2; ++m) {
          cuda::mma(sums[m][u][0], weights[m][k], right[0], right[1]);
          cuda::mma(sums[m][u][1], weights[m][k], right[2], right[3]);
        }
      }
    }
    __syncthreads();  // the other buffer may be overwritten
  }
  cuda::copies_wait_but<0>();
  if (lane == 0) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      shared.maxima[warp * 4 + i] = largest[i];
      shared.totals[warp * 4 + i] = totals[i];
    }
  }
  __syncthreads();
  if (call.splits > 1 && tid < kHeads && head0 + tid < call.heads) {
    write_state(call, query, head0 + tid, shared.maxima[tid], total_of(shared, tid));
  }
#pragma unroll
  for (int m = 0; m < 2; ++m) {
#pragma unroll
    for (int u = 0; u < kUnits; ++u) {
      if (warp + 8 * u >= units) break;
#pragma unroll
      for (int e = 0; e < 8; ++e) {
        const int h = m * 16 + lane / 4 + e % 4 / 2 * 8, head = head0 + h;
        const int column = (warp + 8 * u) * 16 + e / 4 * 8 + lane % 4 * 2 + e % 2;
        if (head >= call.heads) continue;
        const float sum = sums[m][u][e / 4][e % 4];
        if (call.splits > 1) {
          call.values[state_index(call, query, head) * call.latent + column] = sum;
        } else {
          cuda::store(out_row<Bf16>(call, query, head)[column],
                      weighted_mean(sum, total_of(shared, h)));
        }
      }
    }
  }
}

}  // namespace

void launch_mla_tensor(const cuda::Launch& launch, const MlaBatch& batch, const MlaCall& call) {
  const int stride = call.latent + call.rope + kPad;
  const int bytes = static_cast<int>((sizeof(Shared) + 15) / 16 * 16) +
                    (kHeads + 2 * kKeys) * stride * static_cast<int>(sizeof(Bf16));
  DSABENCH_CUDA_CHECK(
      cudaFuncSetAttribute(mla_tensor_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
  const dim3 grid(cuda::grid_size(batch.num_rows),
                  cuda::grid_size(cuda::ceil_div(call.heads, kHeads)),
                  cuda::grid_size(call.splits));
  mla_tensor_kernel<<<grid, kThreads, static_cast<std::size_t>(bytes), launch.stream()>>>(batch,
                                                                                          call);
  launch.check();
}

}  // namespace dsabench::ops::detail
