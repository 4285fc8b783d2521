#pragma once
#include "kernels/base/tensor.h"

namespace dsabench {

/// Memory for one intermediate result of the forward pass: grows to the largest request and is then
/// reused, so that a repeated pass allocates nothing. Host memory.
class ScratchBuffer {
 public:
  /// Uninitialised and contiguous; what an earlier call returned is invalid from here on.
  TensorView take(DType dtype, std::initializer_list<std::int64_t> shape) {
    const std::int64_t bytes = TensorView(nullptr, dtype, shape).bytes();
    if (buffer_.empty() || buffer_.dim(0) < bytes) {
      buffer_ = Tensor();  // free first: the old contents need not coexist with the new
      buffer_ = Tensor(DType::u8, {bytes});
    }
    return {buffer_.view().raw(), dtype, shape};
  }
  TensorView take_f32(std::initializer_list<std::int64_t> shape) { return take(DType::f32, shape); }

 private:
  Tensor buffer_;
};

}  // namespace dsabench
