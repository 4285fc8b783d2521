#include "kernels/cuda/launch.h"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/scale.h"

namespace dsabench::ops::detail {
namespace {

constexpr int kScaleThreads = 256;

__global__ void scale_kernel(float* values, const float* scales, float factor, std::int64_t count) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kScaleThreads + threadIdx.x;
  if (i < count) values[i] *= factor * (scales != nullptr ? scales[i] : 1.0f);
}

}  // namespace

void scale_cuda(const Context& ctx, const ScaleArgs& args) {
  const cuda::Launch launch(ctx, "scale");
  const std::int64_t count = args.values.num_elements();
  if (count == 0) return;
  scale_kernel<<<cuda::grid_size(cuda::ceil_div(count, kScaleThreads)), kScaleThreads, 0,
                 launch.stream()>>>(args.values.data<float>(),
                                    args.scales.empty() ? nullptr : args.scales.data<float>(),
                                    args.factor, count);
  launch.check();
}

}  // namespace dsabench::ops::detail
