#pragma once
#include "kernels/base/context.h"

namespace dsabench::ops {

/// Gated activation: out[t, i] = silu(gate[t, i]) * up[t, i], silu(x) = x / (1 + exp(-x)).
///   gate, up  [tokens, dim]  f32 (all three f32 or bf16 on CUDA), rows may be strided (halves of
///   one [tokens, 2 * dim] buffer) out       [tokens, dim]  the same, rows may be strided; may be
///   gate itself
/// Throws InvalidArgument on a shape, dtype or device mismatch.
struct SwigluArgs {
  ConstTensorView gate, up;
  TensorView out;
};
void swiglu(const Context& ctx, const SwigluArgs& args);

}  // namespace dsabench::ops
