#include "kernels/cuda/launch.h"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/copy_rows.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops::detail {
namespace {

constexpr int kCopyThreads = 128;

template <class From, class To>
__global__ void copy_kernel(cuda::Rows<const From> from_rows, cuda::Rows<To> to_rows,
                            std::int64_t columns) {
  const From* from = from_rows[blockIdx.x];
  To* to = to_rows[blockIdx.x];
  for (std::int64_t i = threadIdx.x; i < columns; i += kCopyThreads) {
    cuda::store(to[i], cuda::to_float(from[i]));
  }
}

}  // namespace

void copy_rows_cuda(const Context& ctx, const CopyRowsArgs& args) {
  const cuda::Launch launch(ctx, "copy_rows");
  const std::int64_t rows = args.from.dim(0);
  if (rows == 0) return;
  cuda::with_activation_type(args.from.dtype(), [&]<class From>(From) {
    cuda::with_activation_type(args.to.dtype(), [&]<class To>(To) {
      copy_kernel<From, To><<<cuda::grid_size(rows), kCopyThreads, 0, launch.stream()>>>(
          cuda::rows<const From>(args.from), cuda::rows<To>(args.to), args.from.dim(1));
      launch.check();
    });
  });
}

}  // namespace dsabench::ops::detail
