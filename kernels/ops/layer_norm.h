#pragma once
#include "kernels/base/context.h"

namespace dsabench::ops {

/// Layer normalisation of each row, as on the indexer's keys:
/// out[t, i] = weight[i] * (x[t, i] - mean(x[t])) / sqrt(var(x[t]) + eps) + bias[i], population
/// variance.
///   x             [tokens, dim]  f32, rows may be strided
///   weight, bias  [dim]          f32
///   out           [tokens, dim]  f32, rows may be strided; may be x itself
/// On CUDA all four may be bf16; the statistics are f32.
/// Throws InvalidArgument on a shape, dtype or device mismatch.
struct LayerNormArgs {
  ConstTensorView x, weight, bias;
  TensorView out;
  float eps = 1e-6f;
};
void layer_norm(const Context& ctx, const LayerNormArgs& args);

}  // namespace dsabench::ops
