#include "kernels/cuda/launch.h"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/add.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops::detail {
namespace {

constexpr int kThreads = 256;

template <class T>
__global__ void add_kernel(cuda::Rows<T> residual, cuda::Rows<const T> update, std::int64_t dim) {
  T* to = residual[blockIdx.x];
  const T* from = update[blockIdx.x];
  for (std::int64_t i = threadIdx.x; i < dim; i += kThreads) {
    cuda::store(to[i], cuda::to_float(to[i]) + cuda::to_float(from[i]));
  }
}

}  // namespace

void add_cuda(const Context& ctx, const AddArgs& args) {
  const cuda::Launch launch(ctx, "add");
  const std::int64_t tokens = args.residual.dim(0), dim = args.residual.dim(1);
  if (tokens == 0) return;
  cuda::with_activation_type(args.residual.dtype(), [&]<class T>(T) {
    add_kernel<T><<<cuda::grid_size(tokens), kThreads, 0, launch.stream()>>>(
        cuda::rows<T>(args.residual), cuda::rows<const T>(args.update), dim);
    launch.check();
  });
}

}  // namespace dsabench::ops::detail
