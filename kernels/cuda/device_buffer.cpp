#include "kernels/cuda/device_buffer.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/base/error.h"

namespace dsabench::cuda {

DeviceBuffer::DeviceBuffer(std::int64_t bytes, cudaStream_t stream)
    : bytes_(bytes), stream_(stream) {
  const auto size = static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1));
  const cudaError_t error = cudaMallocAsync(&data_, size, stream);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    std::size_t free = 0, total = 0;
    DSABENCH_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    throw OutOfMemory(fmt::format("cannot allocate {} bytes of device memory: {} of {} are free",
                                  bytes, free, total),
                      bytes);
  }
  DSABENCH_CUDA_CHECK(error);
}

}  // namespace dsabench::cuda
