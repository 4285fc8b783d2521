#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/base/device.h"
#include "kernels/base/tensor.h"

namespace dsabench {

/// Scratch memory that grows to the largest request and is then reused: no operator allocates in
/// the steady state. One owner at a time: what `take` returns is valid until the next `take` or
/// `reset`-free use by another operator. Not thread-safe.
class Workspace {
 public:
  /// At least `count` floats of uninitialised scratch, aligned to 64 bytes.
  float* take_floats(std::int64_t count) {
    if (buffer_.empty() || buffer_.dim(0) < count) {
      buffer_ = Tensor();  // free first: the old scratch need not coexist with the new
      buffer_ = Tensor(DType::f32, {count});
    }
    return buffer_.data<float>();
  }
  std::int64_t bytes() const { return buffer_.empty() ? 0 : buffer_.bytes(); }

 private:
  Tensor buffer_;
};

/// Scratch memory on a CUDA device, behind an interface that needs no CUDA header. Same rule as
/// Workspace: one owner at a time, grows and is then reused; work on the context's stream alone.
class DeviceScratch {
 public:
  virtual ~DeviceScratch() = default;
  /// At least `bytes` of uninitialised device memory, aligned to 256 bytes. Waits for nothing.
  virtual void* take(std::int64_t bytes) = 0;
  virtual std::int64_t bytes() const = 0;
};

/// Handed to every operator: where it runs, on which stream, with which scratch.
/// `stream` is a cudaStream_t on CUDA devices, which must outlive the context, and null on the CPU.
/// Owns only the scratch; what lies on a CUDA device is made by the first operator that needs it.
struct Context {
  Device device;
  void* stream = nullptr;
  mutable Workspace workspace = {};
  mutable std::unique_ptr<DeviceScratch> device_scratch = {};
  /// Counters: zero whenever no operator runs, each leaves them so. No operator need clear them
  /// first, also where a captured graph repeats it.
  mutable std::unique_ptr<DeviceScratch> device_counters = {};
};

}  // namespace dsabench
