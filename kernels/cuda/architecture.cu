#include "kernels/cuda/architecture.h"
#include "kernels/cuda/check.h"

namespace dsabench::cuda {
namespace {

/// Has shared memory where it was compiled for sm_90a, as everything else in this build then was.
__global__ void marker_kernel([[maybe_unused]] int* out) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  __shared__ volatile int marker[64];
  marker[threadIdx.x] = 1;
  *out = marker[threadIdx.x];
#endif
}

}  // namespace

bool has_sm90a() {
  cudaFuncAttributes attributes{};
  DSABENCH_CUDA_CHECK(
      cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(marker_kernel)));
  return attributes.sharedSizeBytes > 0;
}

int num_multiprocessors() {
  int device = 0, value = 0;
  DSABENCH_CUDA_CHECK(cudaGetDevice(&device));
  DSABENCH_CUDA_CHECK(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, device));
  return value;
}

}  // namespace dsabench::cuda
