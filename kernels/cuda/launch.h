#pragma once
#include <cstdint>

#include "kernels/base/context.h"
#include "kernels/cuda/stream.h"

namespace dsabench::cuda {

/// One operator's turn on a device: makes the context's device current for its lifetime and hands
/// out stream and scratch. Never waits for the device.
class Launch {
 public:
  /// `op` is named by errors and must be a literal.
  Launch(const Context& ctx, const char* op) : guard_(ctx.device.ordinal), ctx_(ctx), op_(op) {}

  cudaStream_t stream() const { return static_cast<cudaStream_t>(ctx_.stream); }
  /// Goes right after each kernel launch.
  void check() const { check_launch(op_, stream()); }
  /// The context's scratch, at least `bytes`, valid until the next operator.
  void* scratch(std::int64_t bytes) const;
  /// The context's counters, at least `bytes`, all zero; the operator's kernels leave them zero.
  void* counters(std::int64_t bytes) const;

 private:
  DeviceGuard guard_;
  const Context& ctx_;
  const char* op_;
};

/// Lays several arrays out in one scratch block: `add` all of them, take the block, ask `at`.
class ScratchLayout {
 public:
  /// Offset of an array of `count` values of T.
  template <class T>
  std::int64_t add(std::int64_t count) {
    const std::int64_t offset = bytes_;
    bytes_ +=
        (count * static_cast<std::int64_t>(sizeof(T)) + kAlignment - 1) / kAlignment * kAlignment;
    return offset;
  }
  std::int64_t bytes() const { return bytes_; }

 private:
  static constexpr std::int64_t kAlignment = 256;
  std::int64_t bytes_ = 0;
};

/// The array at `offset` of a scratch block.
template <class T>
T* scratch_array(void* scratch, std::int64_t offset) {
  return reinterpret_cast<T*>(static_cast<char*>(scratch) + offset);
}

}  // namespace dsabench::cuda
