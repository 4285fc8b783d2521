#include "kernels/cuda/launch.h"
#include "kernels/cuda/packs.cuh"
#include "kernels/ops/add.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops::detail {
namespace {

/// A thread to a pack: `blocks` of each row.
template <class T, int kWidth>
__global__ void __launch_bounds__(cuda::kPackThreads)
    add_kernel(cuda::Rows<T> residual, cuda::Rows<const T> update, unsigned blocks,
               std::int64_t dim) {
  const auto [row, i] = cuda::pack_place<kWidth>(blocks);
  if (i >= dim) return;
  auto sum = cuda::load_pack<kWidth>(residual[row] + i);
  const auto more = cuda::load_pack<kWidth>(update[row] + i);
#pragma unroll
  for (int w = 0; w < kWidth; ++w) {
    cuda::store(sum.values[w], cuda::to_float(sum.values[w]) + cuda::to_float(more.values[w]));
  }
  cuda::store_pack<kWidth>(residual[row] + i, sum);
}

}  // namespace

void add_cuda(const Context& ctx, const AddArgs& args) {
  const cuda::Launch launch(ctx, "add");
  const std::int64_t tokens = args.residual.dim(0), dim = args.residual.dim(1);
  if (tokens * dim == 0) return;
  const bool aligned = args.residual.rows_aligned(16) && args.update.rows_aligned(16);
  cuda::with_activation_type(args.residual.dtype(), [&]<class T>(T) {
    cuda::with_pack_width<T>(aligned, dim, [&](auto width) {
      const std::int64_t blocks = cuda::pack_blocks(dim, width);
      add_kernel<T, width>
          <<<cuda::grid_size(tokens * blocks), cuda::kPackThreads, 0, launch.stream()>>>(
              cuda::rows<T>(args.residual), cuda::rows<const T>(args.update),
              static_cast<unsigned>(blocks), dim);
    });
    launch.check();
  });
}

}  // namespace dsabench::ops::detail
