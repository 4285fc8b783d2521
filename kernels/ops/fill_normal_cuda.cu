#include <algorithm>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/fill_normal.h"

namespace dsabench::ops::detail {
namespace {

constexpr int kFillThreads = 256;
constexpr std::int64_t kMaxBlocks = 1 << 20;

template <class T>
__global__ void fill_normal_kernel(T* out, std::int64_t count, std::uint64_t state, float scale) {
  const std::int64_t step = std::int64_t{gridDim.x} * kFillThreads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * kFillThreads + threadIdx.x; i < count;
       i += step) {
    cuda::store(out[i], normal_at(state, static_cast<std::uint64_t>(i)) * scale);
  }
}

}  // namespace

void fill_normal_cuda(const Context& ctx, const FillNormalArgs& args) {
  const cuda::Launch launch(ctx, "fill_normal");
  const std::int64_t count = args.out.num_elements();
  if (count == 0) return;
  const std::int64_t blocks = std::min(kMaxBlocks, cuda::ceil_div(count, kFillThreads));
  cuda::with_activation_type(args.out.dtype(), [&]<class T>(T) {
    fill_normal_kernel<T><<<cuda::grid_size(blocks), kFillThreads, 0, launch.stream()>>>(
        reinterpret_cast<T*>(args.out.raw()), count, normal_stream(args.seed, args.stream),
        args.scale);
    launch.check();
  });
}

}  // namespace dsabench::ops::detail
