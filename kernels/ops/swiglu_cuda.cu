#include "kernels/cuda/launch.h"
#include "kernels/cuda/rows.cuh"
#include "kernels/ops/detail_cuda.h"
#include "kernels/ops/swiglu.h"

namespace dsabench::ops::detail {
namespace {

constexpr int kThreads = 256;

template <class T>
__global__ void swiglu_kernel(cuda::Rows<const T> gate_rows, cuda::Rows<const T> up_rows,
                              cuda::Rows<T> out_rows, std::int64_t dim) {
  const T* gate = gate_rows[blockIdx.x];
  const T* up = up_rows[blockIdx.x];
  T* out = out_rows[blockIdx.x];
  for (std::int64_t i = threadIdx.x; i < dim; i += kThreads) {
    const float x = cuda::to_float(gate[i]);
    cuda::store(out[i], x / (1.0f + expf(-x)) * cuda::to_float(up[i]));
  }
}

}  // namespace

void swiglu_cuda(const Context& ctx, const SwigluArgs& args) {
  const cuda::Launch launch(ctx, "swiglu");
  const std::int64_t tokens = args.gate.dim(0), dim = args.gate.dim(1);
  if (tokens == 0) return;
  cuda::with_activation_type(args.gate.dtype(), [&]<class T>(T) {
    swiglu_kernel<T><<<cuda::grid_size(tokens), kThreads, 0, launch.stream()>>>(
        cuda::rows<const T>(args.gate), cuda::rows<const T>(args.up), cuda::rows<T>(args.out), dim);
    launch.check();
  });
}

}  // namespace dsabench::ops::detail
