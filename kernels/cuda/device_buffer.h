#pragma once
#include <cstdint>
#include <utility>

#include "kernels/cuda/check.h"

namespace dsabench::cuda {

/// How often memory of a device was taken or given back in this process.
std::uint64_t memory_epoch() noexcept;
/// To be called by whoever does either.
void advance_memory_epoch() noexcept;

/// Bytes of memory on the current device, not initialised, aligned to 256. Allocated and freed in
/// the order of `stream`, which must outlive it: neither waits for the device. Move-only.
/// Throws OutOfMemory with the bytes wanted and the bytes free.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(std::int64_t bytes, cudaStream_t stream);
  ~DeviceBuffer() {
    if (data_ == nullptr) return;
    advance_memory_epoch();
    DSABENCH_CUDA_CHECK_NOEXCEPT(cudaFreeAsync(data_, stream_));
  }
  DeviceBuffer(DeviceBuffer&& other) noexcept { swap(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    DeviceBuffer taken(std::move(other));
    swap(taken);
    return *this;
  }

  void* data() const { return data_; }
  std::int64_t bytes() const { return bytes_; }

 private:
  void swap(DeviceBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(stream_, other.stream_);
  }

  void* data_ = nullptr;
  std::int64_t bytes_ = 0;
  cudaStream_t stream_ = nullptr;
};

}  // namespace dsabench::cuda
