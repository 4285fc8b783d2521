#include "kernels/cuda/dependent_launch.cuh"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/mla_query.cuh"

namespace dsabench::ops::detail {
namespace {

constexpr int kColumnThreads = 128;
/// Threads a column: each adds up every fourth split, all of whose loads are in flight together.
constexpr int kGroups = 4;
constexpr int kThreads = kColumnThreads * kGroups;

/// kVector neighbouring values, which load as one.
template <int kVector>
struct alignas(4 * kVector) Values {
  float at[kVector];
};

/// One block a (row, head).
template <class T, int kVector>
__global__ void __launch_bounds__(kThreads)
    merge_kernel(const __grid_constant__ MlaBatch batch, const MlaCall call) {
  __shared__ Values<kVector> parts[kGroups][kColumnThreads];
  __shared__ float2 states[kThreads];  // splits are at most kMaxMlaSplits
  static_assert(kMaxMlaSplits <= kThreads);
  const MlaQuery query = find_query(batch, call);
  const int head = static_cast<int>(blockIdx.y);
  const int lane = static_cast<int>(threadIdx.x) % kColumnThreads;
  const int group = static_cast<int>(threadIdx.x) / kColumnThreads;
  const std::int64_t first = state_index(call, query, head);
  cuda::wait_for_previous_kernel();
  const auto thread = static_cast<int>(threadIdx.x);
  if (thread < call.splits) {
    states[thread] = *(reinterpret_cast<const float2*>(call.states) + first + thread);
  }
  __syncthreads();
  float largest = minus_infinity(), total = 0.0f;
  for (int s = thread % 32; s < call.splits; s += 32) largest = fmaxf(largest, states[s].x);
  largest = cuda::warp_max(largest);
  for (int s = thread % 32; s < call.splits; s += 32) {
    total += states[s].y * rescale(states[s].x, largest);
  }
  total = cuda::warp_sum(total);
  const auto* values = reinterpret_cast<const Values<kVector>*>(call.values + first * call.latent);
  T* out = out_row<T>(call, query, head);
  const int columns = call.latent / kVector;
  for (int begin = 0; begin < columns; begin += kColumnThreads) {
    const int column = begin + lane;
    Values<kVector> sum{};
    if (column < columns) {
#pragma unroll 8
      for (int s = group; s < call.splits; s += kGroups) {
        const float worth = rescale(states[s].x, largest);
        const Values<kVector> part = values[std::int64_t{s} * columns + column];
#pragma unroll
        for (int i = 0; i < kVector; ++i) sum.at[i] += part.at[i] * worth;
      }
    }
    __syncthreads();  // the parts of the columns before have been read
    parts[group][lane] = sum;
    __syncthreads();
    if (group != 0 || column >= columns) continue;
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      const float whole = (parts[0][lane].at[i] + parts[1][lane].at[i]) +
                          (parts[2][lane].at[i] + parts[3][lane].at[i]);
      cuda::store(out[column * kVector + i], weighted_mean(whole, total));
    }
  }
}

}  // namespace

void launch_mla_merge(const cuda::Launch& launch, const MlaBatch& batch, const MlaCall& call,
                      DType dtype) {
  const dim3 grid(cuda::grid_size(batch.num_rows), cuda::grid_size(call.heads));
  cuda::with_activation_type(dtype, [&]<class T>(T) {
    const auto kernel = call.latent % 4 == 0 ? merge_kernel<T, 4> : merge_kernel<T, 1>;
    cuda::launch_dependent(launch, kernel, grid, kThreads, 0, batch, call);
  });
}

}  // namespace dsabench::ops::detail
