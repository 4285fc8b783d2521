#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/base/device.h"
#include "kernels/base/error.h"

namespace dsabench {

/// A profiler that is missing, or that refuses; says what to do about it. Exit code 5.
class ProfilerError : public Error {
  using Error::Error;
};

/// One piece of work on a device.
struct DeviceActivity {
  enum class Kind { kernel, copy, fill };
  Kind kind = Kind::kernel;
  std::string name;                       ///< of a kernel as compiled; "copy to device", "fill"
  std::int64_t begin_ns = 0, end_ns = 0;  ///< of the host's steady clock
  std::int64_t bytes = 0;                 ///< of copies and fills
  std::int64_t stream = 0;
  std::uint64_t tag = 0;         ///< of the thread when it gave the work to the device; 0: none
  std::uint64_t graph_node = 0;  ///< of work that a graph repeats; its tag is that of the replay
};

/// What a device did while it was traced.
struct ActivityTrace {
  std::vector<DeviceActivity> activities;  ///< by begin
  std::int64_t num_dropped = 0;            ///< records that the profiler lost
};

/// Records what a device does: slows down what it watches, never for timing.
class ActivityTracer {
 public:
  virtual ~ActivityTracer() = default;
  /// "CUPTI 130001".
  virtual std::string name() const = 0;
  /// Throws ProfilerError where the profiler refuses.
  virtual void start() = 0;
  /// What the calling thread gives to the device from now on carries the tag; 0: none.
  virtual void set_tag(std::uint64_t tag) noexcept = 0;
  /// All since start, which the device must have finished. Throws ProfilerError.
  virtual ActivityTrace finish() = 0;
};

/// Of a CUDA device through CUPTI; null for the CPU. Throws ProfilerError.
std::shared_ptr<ActivityTracer> open_tracer(Device device);

}  // namespace dsabench
