#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/base/device.h"

namespace dsabench {

/// Times on a device: marks are placed into its queue and read once it has passed them.
class DeviceTimeline {
 public:
  virtual ~DeviceTimeline() = default;
  /// Never waits. While the queue records, the mark becomes part of what is recorded and is passed
  /// anew by each replay.
  virtual void mark() = 0;
  /// Nanoseconds between successive marks, as passed last. Waits for the last.
  virtual std::vector<std::int64_t> times() const = 0;
  virtual void forget_marks() = 0;
};

/// Work that a queue recorded once, to be given to it as a whole again: one launch instead of many.
/// It reads and writes the memory that it was recorded with.
class DeviceGraph {
 public:
  virtual ~DeviceGraph() = default;
  /// Gives the work to the queue. Never waits.
  virtual void replay() = 0;
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
  /// Records what `body` gives to the queue; nothing of it runs yet. `body` neither waits nor
  /// allocates: what it needs is there once it has run.
  virtual std::unique_ptr<DeviceGraph> record(const std::function<void()>& body) = 0;
  /// Another number whenever memory of a device was taken or given back in this process: while it
  /// stays the same, so does the memory that a graph was recorded with.
  virtual std::uint64_t memory_epoch() const = 0;
};

}  // namespace dsabench
