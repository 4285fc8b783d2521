#include "kernels/cuda/launch.h"
#include "kernels/cuda/packs.cuh"
#include "kernels/cuda/swiglu.cuh"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/swiglu.h"

namespace dsabench::ops::detail {
namespace {

/// A thread to a pack: `blocks` of each row.
template <class T, int kWidth>
__global__ void __launch_bounds__(cuda::kPackThreads)
    swiglu_kernel(cuda::Rows<const T> gate_rows, cuda::Rows<const T> up_rows,
                  cuda::Rows<T> out_rows, unsigned blocks, std::int64_t dim) {
  const auto [row, i] = cuda::pack_place<kWidth>(blocks);
  if (i >= dim) return;
  auto gate = cuda::load_pack<kWidth>(gate_rows[row] + i);
  const auto up = cuda::load_pack<kWidth>(up_rows[row] + i);
#pragma unroll
  for (int w = 0; w < kWidth; ++w) {
    cuda::store(gate.values[w],
                cuda::swiglu(cuda::to_float(gate.values[w]), cuda::to_float(up.values[w])));
  }
  cuda::store_pack<kWidth>(out_rows[row] + i, gate);
}

}  // namespace

void swiglu_cuda(const Context& ctx, const SwigluArgs& args) {
  const cuda::Launch launch(ctx, "swiglu");
  const std::int64_t tokens = args.gate.dim(0), dim = args.gate.dim(1);
  if (tokens * dim == 0) return;
  const bool aligned =
      args.gate.rows_aligned(16) && args.up.rows_aligned(16) && args.out.rows_aligned(16);
  cuda::with_activation_type(args.gate.dtype(), [&]<class T>(T) {
    cuda::with_pack_width<T>(aligned, dim, [&](auto width) {
      const std::int64_t blocks = cuda::pack_blocks(dim, width);
      swiglu_kernel<T, width>
          <<<cuda::grid_size(tokens * blocks), cuda::kPackThreads, 0, launch.stream()>>>(
              cuda::rows<const T>(args.gate), cuda::rows<const T>(args.up), cuda::rows<T>(args.out),
              static_cast<unsigned>(blocks), dim);
    });
    launch.check();
  });
}

}  // namespace dsabench::ops::detail
