#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/base/device.h"

namespace dsabench {

/// Times on a device: marks are placed into its queue and read once it has passed them.
class DeviceTimeline {
 public:
  virtual ~DeviceTimeline() = default;
  /// Never waits.
  virtual void mark() = 0;
  /// Nanoseconds between successive marks, which are then forgotten. Waits for the last.
  virtual std::vector<std::int64_t> take() = 0;
};

/// A device as tensors and the engine see it, behind an interface that needs no CUDA header: its
/// memory, and the one stream on which all work runs in the order it was given. Nothing but `wait`
/// and copies to the host waits for the device. Of one thread at a time.
class DeviceQueue {
 public:
  virtual ~DeviceQueue() = default;
  virtual Device device() const = 0;
  virtual void* stream() const = 0;  ///< as Context takes it

  /// Uninitialised, aligned to 256 bytes, never null. Throws OutOfMemory with the bytes wanted and
  /// free. Memory that was released is kept for the next request.
  virtual void* allocate(std::int64_t bytes) = 0;
  virtual void release(void* memory) noexcept = 0;
  virtual void fill(void* to, int value, std::int64_t bytes) = 0;
  /// Between host and device or within the device. Host memory may change once this returns; what
  /// is copied to the host is there after `wait`.
  virtual void copy(void* to, const void* from, std::int64_t bytes) = 0;
  /// Until all work is done; throws what it ended with.
  virtual void wait() = 0;

  virtual std::int64_t free_bytes() const = 0;
  virtual std::unique_ptr<DeviceTimeline> make_timeline() = 0;
};

}  // namespace dsabench
