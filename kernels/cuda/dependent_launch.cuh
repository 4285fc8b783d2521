#pragma once
/// A kernel that starts while the one before it ends: on sm_90 its launch, and what it does before
/// it waits, cost no time of their own. Elsewhere it starts when the other has ended.
#include <cuda_runtime.h>

#include <utility>

#include "kernels/cuda/architecture.h"
#include "kernels/cuda/launch.h"

namespace dsabench::cuda {

/// Of the first kernel: once every block has said so or ended, the next may start.
__device__ __forceinline__ void let_next_kernel_start() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}
/// Of the second, before it reads what the first wrote or writes what that reads: until all of the
/// first is done. Every block must.
__device__ __forceinline__ void wait_for_previous_kernel() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// Launches the second of two kernels of one operator: nothing may lie between them.
template <class... Parameters, class... Arguments>
void launch_dependent(const Launch& launch, void (*kernel)(Parameters...), dim3 grid, int threads,
                      int shared_bytes, Arguments&&... arguments) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = static_cast<std::size_t>(shared_bytes);
  config.stream = launch.stream();
  config.attrs = &attribute;
  // Without code for sm_90 no kernel waits, so none may start early.
  config.numAttrs = has_sm90a() ? 1 : 0;
  DSABENCH_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...));
  launch.check();
}

}  // namespace dsabench::cuda
