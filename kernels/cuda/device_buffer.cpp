#include "kernels/cuda/device_buffer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "kernels/base/error.h"

namespace dsabench::cuda {
namespace {

std::atomic<std::uint64_t> epoch = 0;

}  // namespace

std::uint64_t memory_epoch() noexcept { return epoch.load(std::memory_order_relaxed); }
void advance_memory_epoch() noexcept { epoch.fetch_add(1, std::memory_order_relaxed); }

DeviceBuffer::DeviceBuffer(std::int64_t bytes, cudaStream_t stream)
    : bytes_(bytes), stream_(stream) {
  advance_memory_epoch();
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
