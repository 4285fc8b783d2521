#pragma once
#include "kernels/base/context.h"

namespace dsabench::ops {

/// Matrix product with a row-major weight: out[t, o] = sum_i x[t, i] * weight[o, i] (+ bias[o]).
///   x       [tokens, in]   f32, rows may be strided
///   weight  [out, in]      f32, rows may be strided
///   bias    [out]          f32, may be empty
///   out     [tokens, out]  f32, rows may be strided; must not overlap x
/// On CUDA x and weight may be bf16, and then out and bias are both bf16 or both f32. Sums are f32
/// (rounded to bf16 before a bf16 bias is added, as cuBLASLt pleases),
/// f32 inputs are not rounded to TF32, `in` is at least 1, and the product needs cuBLASLt
/// (UnsupportedDevice names the library where it cannot be loaded).
/// Throws InvalidArgument on a shape, dtype or device mismatch. 2 * tokens * in * out flops.
struct LinearArgs {
  ConstTensorView x, weight, bias;
  TensorView out;
};
void linear(const Context& ctx, const LinearArgs& args);

/// One matrix product per head, as in the absorbed form of MLA:
///   transpose_weight false: out[t, h, o] = sum_i x[t, h, i] * weight[h, o, i]
///   transpose_weight true:  out[t, h, o] = sum_i x[t, h, i] * weight[h, i, o]
///   x       [tokens, heads, in]   f32, tokens and heads may be strided
///   weight  [heads, out, in] or [heads, in, out]  f32, heads and rows may be strided
///   out     [tokens, heads, out]  f32, tokens and heads may be strided; must not overlap x
/// On CUDA as `linear`, with all three of one type.
/// Throws InvalidArgument on a mismatch. 2 * tokens * heads * in * out flops.
struct HeadLinearArgs {
  ConstTensorView x, weight;
  TensorView out;
  bool transpose_weight = false;
};
void head_linear(const Context& ctx, const HeadLinearArgs& args);

}  // namespace dsabench::ops
