#pragma once
#include "kernels/base/context.h"

namespace dsabench::ops {

/// Root-mean-square normalisation of each row:
/// out[t, i] = weight[i] * x[t, i] / sqrt(mean_j(x[t, j]^2) + eps).
///   x       [tokens, dim]  f32, rows may be strided
///   weight  [dim]          f32
///   out     [tokens, dim]  f32, rows may be strided; may be x itself
/// On CUDA all three may be bf16; the statistics are f32.
/// Throws InvalidArgument on a shape, dtype or device mismatch.
struct RmsNormArgs {
  ConstTensorView x, weight;
  TensorView out;
  float eps = 1e-6f;
};
void rms_norm(const Context& ctx, const RmsNormArgs& args);

}  // namespace dsabench::ops
