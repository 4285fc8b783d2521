#include "kernels/cuda/launch.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/moe_router.h"

namespace dsabench::ops::detail {
namespace {

struct Router {
  cuda::Rows<const float> logits;
  const float* bias;
  cuda::Rows<std::int32_t> experts;
  cuda::Rows<float> weights;
  int num_experts, top_n, num_groups, topk_groups;
  bool normalize;
  float routed_scale;
};

__device__ __forceinline__ float minus_infinity() { return __int_as_float(0xff800000); }
__device__ __forceinline__ float orderable(float value) {
  return isnan(value) ? minus_infinity() : value;
}

/// Index of the largest value that is not taken, the lowest among equals; it is then taken. The
/// whole warp calls it.
__device__ int take_best(const float* values, unsigned char* taken, int count) {
  const int lane = static_cast<int>(threadIdx.x);
  std::uint64_t best = 0;
  for (int i = lane; i < count; i += cuda::kWarpSize) {
    if (taken[i] != 0) continue;
    const std::uint64_t key =
        std::uint64_t{cuda::ordered_bits(values[i])} << 32 | ~static_cast<std::uint32_t>(i);
    if (key > best) best = key;
  }
  const int index = static_cast<int>(~static_cast<std::uint32_t>(cuda::warp_max(best)));
  __syncwarp();
  if (lane == 0) taken[index] = 1;
  __syncwarp();
  return index;
}

__device__ void open_best_groups(const Router& router, const float* choice, unsigned char* taken,
                                 float* group_scores, unsigned char* groups_taken) {
  const int lane = static_cast<int>(threadIdx.x), size = router.num_experts / router.num_groups;
  for (int g = lane; g < router.num_groups; g += cuda::kWarpSize) {
    float best = minus_infinity(), second = minus_infinity();
    for (int i = g * size; i < (g + 1) * size; ++i) {
      if (choice[i] > best) {
        second = best;
        best = choice[i];
      } else if (choice[i] > second) {
        second = choice[i];
      }
    }
    group_scores[g] = orderable(best + second);
    groups_taken[g] = 0;
  }
  __syncwarp();
  for (int i = 0; i < router.topk_groups; ++i) {
    const int first = take_best(group_scores, groups_taken, router.num_groups) * size;
    for (int e = lane; e < size; e += cuda::kWarpSize) taken[first + e] = 0;
    __syncwarp();
  }
}

/// One warp a token.
__global__ void router_kernel(Router router) {
  extern __shared__ float shared[];
  float* scores = shared;
  float* choice = scores + router.num_experts;
  float* group_scores = choice + router.num_experts;
  auto* taken = reinterpret_cast<unsigned char*>(group_scores + router.num_groups);
  unsigned char* groups_taken = taken + router.num_experts;
  const std::int64_t token = blockIdx.x;
  const int lane = static_cast<int>(threadIdx.x);
  for (int e = lane; e < router.num_experts; e += cuda::kWarpSize) {
    scores[e] = 1.0f / (1.0f + expf(-router.logits[token][e]));
    choice[e] = orderable(scores[e] + router.bias[e]);
    taken[e] = router.num_groups > 1 ? 1 : 0;
  }
  __syncwarp();
  if (router.num_groups > 1) open_best_groups(router, choice, taken, group_scores, groups_taken);
  float sum = 0.0f;
  for (int n = 0; n < router.top_n; ++n) {
    const int expert = take_best(choice, taken, router.num_experts);
    sum += scores[expert];
    if (lane == 0) router.experts[token][n] = expert;
  }
  __syncwarp();
  const float divisor = router.normalize ? sum + 1e-20f : 1.0f;
  for (int n = lane; n < router.top_n; n += cuda::kWarpSize) {
    router.weights[token][n] = scores[router.experts[token][n]] / divisor * router.routed_scale;
  }
}

}  // namespace

void moe_router_cuda(const Context& ctx, const MoeRouterArgs& args) {
  const cuda::Launch launch(ctx, "moe_router");
  const std::int64_t tokens = args.logits.dim(0);
  if (tokens == 0) return;
  const Router router{cuda::rows<const float>(args.logits),
                      args.bias.data<float>(),
                      cuda::rows<std::int32_t>(args.experts),
                      cuda::rows<float>(args.weights),
                      static_cast<int>(args.logits.dim(1)),
                      static_cast<int>(args.experts.dim(1)),
                      static_cast<int>(args.num_groups),
                      static_cast<int>(args.topk_groups),
                      args.normalize,
                      args.routed_scale};
  const std::size_t shared = static_cast<std::size_t>(router.num_experts) * 9 +
                             static_cast<std::size_t>(router.num_groups) * 5;
  router_kernel<<<cuda::grid_size(tokens), cuda::kWarpSize, shared, launch.stream()>>>(router);
  launch.check();
}

}  // namespace dsabench::ops::detail
