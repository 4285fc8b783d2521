#pragma once
#include "kernels/base/context.h"

namespace dsabench::ops {

/// Adds the layer's output to the residual stream: residual[t, i] += update[t, i].
///   residual  [tokens, dim]  f32, in place; f32 or bf16 on CUDA
///   update    [tokens, dim]  the same
/// Throws InvalidArgument on a shape, dtype or device mismatch.
struct AddArgs {
  TensorView residual;
  ConstTensorView update;
};
void add(const Context& ctx, const AddArgs& args);

}  // namespace dsabench::ops
