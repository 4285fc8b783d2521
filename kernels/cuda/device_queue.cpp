#include "kernels/cuda/device_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>

#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/device_buffer.h"
#include "kernels/cuda/device_list.h"
#include "kernels/cuda/graph.h"
#include "kernels/cuda/stream.h"

namespace dsabench::cuda {
namespace {

/// Marks are pooled: the second pass of a kind creates no event.
class Timeline final : public DeviceTimeline {
 public:
  Timeline(int ordinal, cudaStream_t stream) : ordinal_(ordinal), stream_(stream) {}

  void mark() override {
    const DeviceGuard guard(ordinal_);
    if (used_ == events_.size()) events_.push_back(std::make_unique<Event>());
    events_[used_++]->record(stream_);
  }

  std::vector<std::int64_t> times() const override {
    const DeviceGuard guard(ordinal_);
    std::vector<std::int64_t> times;
    for (std::size_t i = 1; i < used_; ++i) {
      const double milliseconds = events_[i]->milliseconds_since(*events_[i - 1]);
      times.push_back(std::llround(milliseconds * 1e6));
    }
    return times;
  }
  void forget_marks() override { used_ = 0; }

 private:
  int ordinal_;
  cudaStream_t stream_;
  std::vector<std::unique_ptr<Event>> events_;
  std::size_t used_ = 0;
};

class QueueGraph final : public DeviceGraph {
 public:
  QueueGraph(int ordinal, cudaStream_t stream, const std::function<void()>& body)
      : ordinal_(ordinal), stream_(stream), graph_(stream, body) {}

  void replay() override {
    const DeviceGuard guard(ordinal_);
    graph_.launch(stream_);
  }

 private:
  int ordinal_;
  cudaStream_t stream_;
  Graph graph_;
};

class CudaQueue final : public DeviceQueue {
 public:
  explicit CudaQueue(Device device) : device_(device) {
    // What is released stays with the process: a repeated request costs no call of the driver.
    cudaMemPool_t pool = nullptr;
    DSABENCH_CUDA_CHECK(cudaDeviceGetDefaultMemPool(&pool, device.ordinal));
    std::uint64_t keep = std::numeric_limits<std::uint64_t>::max();
    DSABENCH_CUDA_CHECK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep));
    pool_ = pool;
  }

  Device device() const override { return device_; }
  void* stream() const override { return stream_.get(); }

  void* allocate(std::int64_t bytes) override {
    const DeviceGuard guard(device_.ordinal);
    advance_memory_epoch();
    const auto size = static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1));
    void* memory = nullptr;
    cudaError_t error = cudaMallocAsync(&memory, size, stream_.get());
    if (error == cudaErrorMemoryAllocation) {
      // Blocks that were released in pieces may be too small for this request: give them back.
      cudaGetLastError();
      DSABENCH_CUDA_CHECK(cudaStreamSynchronize(stream_.get()));
      DSABENCH_CUDA_CHECK(cudaMemPoolTrimTo(pool_, 0));
      error = cudaMallocAsync(&memory, size, stream_.get());
    }
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      throw OutOfMemory(fmt::format("cannot allocate {} bytes on {}: {} bytes are free", bytes,
                                    device_.name(), free_bytes()),
                        bytes);
    }
    DSABENCH_CUDA_CHECK(error);
    return memory;
  }
  void release(void* memory) noexcept override {
    advance_memory_epoch();
    DSABENCH_CUDA_CHECK_NOEXCEPT(cudaFreeAsync(memory, stream_.get()));
  }
  void fill(void* to, int value, std::int64_t bytes) override {
    const DeviceGuard guard(device_.ordinal);
    DSABENCH_CUDA_CHECK(cudaMemsetAsync(to, value, static_cast<std::size_t>(bytes), stream_.get()));
  }
  void copy(void* to, const void* from, std::int64_t bytes) override {
    const DeviceGuard guard(device_.ordinal);
    DSABENCH_CUDA_CHECK(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes),
                                        cudaMemcpyDefault, stream_.get()));
  }
  void wait() override { stream_.synchronize(); }

  /// What the driver has left, and what the pool keeps unused.
  std::int64_t free_bytes() const override {
    const DeviceGuard guard(device_.ordinal);
    std::size_t free = 0, total = 0;
    DSABENCH_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    std::uint64_t reserved = 0, used = 0;
    DSABENCH_CUDA_CHECK(
        cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrReservedMemCurrent, &reserved));
    DSABENCH_CUDA_CHECK(cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrUsedMemCurrent, &used));
    return static_cast<std::int64_t>(free + reserved - used);
  }
  std::unique_ptr<DeviceTimeline> make_timeline() override {
    return std::make_unique<Timeline>(device_.ordinal, stream_.get());
  }
  std::unique_ptr<DeviceGraph> record(const std::function<void()>& body) override {
    const DeviceGuard guard(device_.ordinal);
    return std::make_unique<QueueGraph>(device_.ordinal, stream_.get(), body);
  }
  std::uint64_t memory_epoch() const override { return cuda::memory_epoch(); }

 private:
  Device device_;
  Stream stream_;
  cudaMemPool_t pool_ = nullptr;
};

/// Compute capability 8.0: the oldest whose instructions the kernels use.
constexpr int kMinComputeMajor = 8;

void check_present(Device device) {
  const DeviceList list = list_devices();
  if (list.devices.empty()) {
    throw UnsupportedDevice(fmt::format("{}: {}", device.name(), list.unavailable));
  }
  if (device.ordinal >= static_cast<int>(list.devices.size())) {
    throw UnsupportedDevice(fmt::format("{}: the CUDA driver shows {} device{}", device.name(),
                                        list.devices.size(), list.devices.size() == 1 ? "" : "s"));
  }
  const DeviceInfo& info = list.devices[static_cast<std::size_t>(device.ordinal)];
  if (info.compute_major < kMinComputeMajor) {
    throw UnsupportedDevice(fmt::format(
        "{}: {} has compute capability {}.{}, the operators need {}.0 or newer", device.name(),
        info.name, info.compute_major, info.compute_minor, kMinComputeMajor));
  }
  const cudaError_t error = cudaSetDevice(device.ordinal);
  if (error != cudaSuccess) {
    cudaGetLastError();
    throw UnsupportedDevice(fmt::format("{}: {} cannot be used: {}", device.name(), info.name,
                                        cudaGetErrorString(error)));
  }
  require_cublaslt();
}

}  // namespace

DeviceQueue* device_queue(Device device) {
  if (device.is_cpu()) return nullptr;
  static std::mutex mutex;
  static auto& queues = *new std::map<int, std::unique_ptr<CudaQueue>>;  // outlives every tensor
  const std::lock_guard lock(mutex);
  std::unique_ptr<CudaQueue>& queue = queues[device.ordinal];
  if (!queue) {
    check_present(device);
    const DeviceGuard guard(device.ordinal);
    queue = std::make_unique<CudaQueue>(device);
  }
  return queue.get();
}

}  // namespace dsabench::cuda
