#pragma once
#include "kernels/base/tensor.h"

namespace dsabench {

/// Memory for one intermediate result of the forward pass: grows to the largest request and is then
/// reused, so that a repeated pass allocates nothing.
class ScratchBuffer {
 public:
  /// Uninitialised and contiguous, on the queue's device or, without one, on the host; what an
  /// earlier call returned is invalid from here on. The queue is the same in every call.
  TensorView take(DType dtype, std::initializer_list<std::int64_t> shape,
                  DeviceQueue* queue = nullptr) {
    const std::int64_t bytes = TensorView(nullptr, dtype, shape).bytes();
    if (buffer_.empty() || buffer_.dim(0) < bytes) {
      buffer_ = Tensor();  // free first: the old contents need not coexist with the new
      buffer_ = Tensor(DType::u8, {bytes}, queue);
    }
    return {buffer_.view().raw(), dtype, shape, buffer_.device()};
  }

 private:
  Tensor buffer_;
};

}  // namespace dsabench
