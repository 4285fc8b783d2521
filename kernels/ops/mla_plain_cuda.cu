#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/fp8_latents.cuh"
#include "kernels/ops/mla_query.cuh"

namespace dsabench::ops::detail {
namespace {

constexpr int kThreads = 256;
constexpr int kHeads = 8;  ///< one warp each
constexpr int kKeys = 32;  ///< one lane each
constexpr int kColumns = kMaxMlaLatent / kThreads;

/// One query's group of 8 heads over tiles of 32 keys in f32: warp = head and lane = key for the
/// scores, thread = column for the sums.
template <class T>
__global__ void __launch_bounds__(kThreads, 1)
    mla_plain_kernel(const __grid_constant__ MlaBatch batch, const MlaCall call) {
  extern __shared__ float shared[];
  __shared__ float weights[kKeys][kHeads];
  __shared__ float rescales[kHeads], maxima[kHeads], totals[kHeads];
  __shared__ int broken;
  const int tid = static_cast<int>(threadIdx.x);
  const int lane = tid % cuda::kWarpSize, warp = tid / cuda::kWarpSize;
  const int dim = call.latent + call.rope, stride = dim | 1;
  float* queries = shared;              // [kHeads][dim]
  float* keys = shared + kHeads * dim;  // [kKeys][stride]
  const MlaQuery query = find_query(batch, call);
  const int head0 = static_cast<int>(blockIdx.y) * kHeads;
  if (tid == 0) broken = 0;
  for (int i = tid; i < kHeads * dim; i += kThreads) {
    const int head = head0 + i / dim, d = i % dim;
    float value = 0.0f;
    if (head < call.heads) {
      const auto* latent = static_cast<const T*>(call.q_latent) +
                           query.row * call.q_latent_strides[0] + head * call.q_latent_strides[1];
      const auto* rope = static_cast<const T*>(call.q_rope) + query.row * call.q_rope_strides[0] +
                         head * call.q_rope_strides[1];
      value = cuda::to_float(d < call.latent ? latent[d] : rope[d - call.latent]);
    }
    queries[i] = value * call.scale;
  }
  float sums[kHeads][kColumns] = {};
  float largest = minus_infinity(), total = 0.0f;  // of this warp's head
  const auto* latents = static_cast<const T*>(query.segment->latents);
  const auto* codes = static_cast<const std::uint8_t*>(query.segment->latents);
  const Fp8LatentRow layout{call.latent, call.rope};

  for (int begin = query.begin; begin < query.end; begin += kKeys) {
    __syncthreads();
    for (int j = warp; j < kKeys; j += kThreads / cuda::kWarpSize) {
      const std::int32_t key = query.key(begin + j);
      if (key == -2) broken = 1;
      const std::int64_t at = key < 0 ? 0 : query.latents_at(key);
      for (int d = lane; d < dim; d += cuda::kWarpSize) {
        keys[j * stride + d] = key < 0              ? 0.0f
                               : query.segment->fp8 ? fp8_latent_value(layout, codes + at, d)
                                                    : cuda::to_float(latents[at + d]);
      }
    }
    __syncthreads();
    float score = minus_infinity();
    if (query.key(begin + lane) >= 0) {
      score = 0.0f;
#pragma unroll 8
      for (int d = 0; d < dim; ++d) {
        score = fmaf(queries[warp * dim + d], keys[lane * stride + d], score);
      }
    }
    // fmaxf drops a NaN: it must reach the sums all the same.
    const float tile_max = cuda::warp_max(score);
    const float new_max = fmaxf(largest, tile_max);
    const float old_worth = rescale(largest, new_max);
    const float weight =
        new_max == minus_infinity() && !isnan(score) ? 0.0f : expf(score - new_max);
    total = total * old_worth + cuda::warp_sum(weight);
    largest = new_max;
    weights[lane][warp] = weight;
    if (lane == 0) rescales[warp] = old_worth;
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
      const int column = tid + i * kThreads;
      if (column >= call.latent) break;
#pragma unroll
      for (int h = 0; h < kHeads; ++h) sums[h][i] *= rescales[h];
#pragma unroll 4
      for (int j = 0; j < kKeys; ++j) {
        const float value = keys[j * stride + column];
#pragma unroll
        for (int h = 0; h < kHeads; ++h) sums[h][i] = fmaf(weights[j][h], value, sums[h][i]);
      }
    }
  }
  __syncthreads();
  if (lane == 0) {
    maxima[warp] = largest;
    totals[warp] = broken != 0 ? cuda::quiet_nan() : total;
  }
  __syncthreads();
#pragma unroll
  for (int h = 0; h < kHeads; ++h) {
    const int head = head0 + h;
    if (head >= call.heads) break;
    if (call.splits > 1 && tid == 0) write_state(call, query, head, maxima[h], totals[h]);
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
      const int column = tid + i * kThreads;
      if (column >= call.latent) break;
      if (call.splits > 1) {
        call.values[state_index(call, query, head) * call.latent + column] = sums[h][i];
      } else {
        cuda::store(out_row<T>(call, query, head)[column], weighted_mean(sums[h][i], totals[h]));
      }
    }
  }
}

dim3 grid_of(const MlaBatch& batch, std::int64_t head_groups, std::int64_t splits) {
  return {cuda::grid_size(batch.num_rows), cuda::grid_size(head_groups), cuda::grid_size(splits)};
}

}  // namespace

void launch_mla_plain(const cuda::Launch& launch, const MlaBatch& batch, const MlaCall& call,
                      DType dtype) {
  const int dim = call.latent + call.rope;
  const int bytes = (kHeads * dim + kKeys * (dim | 1)) * 4;
  cuda::with_activation_type(dtype, [&]<class T>(T) {
    DSABENCH_CUDA_CHECK(cudaFuncSetAttribute(mla_plain_kernel<T>,
                                             cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    mla_plain_kernel<T><<<grid_of(batch, cuda::ceil_div(call.heads, kHeads), call.splits), kThreads,
                          static_cast<std::size_t>(bytes), launch.stream()>>>(batch, call);
    launch.check();
  });
}

}  // namespace dsabench::ops::detail
