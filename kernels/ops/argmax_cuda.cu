#include "kernels/cuda/launch.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/sampling.h"

namespace dsabench::ops::detail {
namespace {

constexpr int kArgmaxThreads = 1024;

__global__ void argmax_kernel(cuda::Rows<const float> logits, std::int32_t* out,
                              std::int64_t vocab) {
  const float* row = logits[blockIdx.x];
  std::uint64_t best = ~std::uint32_t{0};  // index 0, below every number
  for (std::int64_t i = threadIdx.x; i < vocab; i += kArgmaxThreads) {
    const std::uint64_t key =
        std::uint64_t{cuda::ordered_bits(row[i])} << 32 | ~static_cast<std::uint32_t>(i);
    if (key > best) best = key;
  }
  best = cuda::block_max(best);
  if (threadIdx.x == 0)
    out[blockIdx.x] = static_cast<std::int32_t>(~static_cast<std::uint32_t>(best));
}

}  // namespace

void argmax_cuda(const Context& ctx, const ArgmaxArgs& args) {
  const cuda::Launch launch(ctx, "argmax");
  const std::int64_t rows = args.logits.dim(0);
  if (rows == 0) return;
  argmax_kernel<<<cuda::grid_size(rows), kArgmaxThreads, 0, launch.stream()>>>(
      cuda::rows<const float>(args.logits), args.out.data<std::int32_t>(), args.logits.dim(1));
  launch.check();
}

}  // namespace dsabench::ops::detail
