#pragma once
/// Views for the checks of operators: memory that claims to be on a CUDA device. No operator may
/// touch it: all must throw first.
#include "kernels/base/context.h"

namespace dsabench::test {

inline constexpr Device kCuda{Device::Kind::cuda, 0};

inline TensorView on_cuda(Tensor& tensor) {
  return {tensor.view().raw(), tensor.dtype(), tensor.shape(), kCuda};
}

inline Context cuda_context() {
  Context context;
  context.device = kCuda;
  return context;
}

}  // namespace dsabench::test
