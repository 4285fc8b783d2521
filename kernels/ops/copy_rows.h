#pragma once
#include "kernels/base/context.h"

namespace dsabench::ops {

/// Copies rows between matrices that may be strided: to[t, i] = from[t, i].
///   from  [rows, columns]  f32, or bf16 on CUDA
///   to    [rows, columns]  f32, or bf16 on CUDA; rounded to nearest, ties to even, where narrower
/// Throws InvalidArgument on a shape, dtype or device mismatch.
struct CopyRowsArgs {
  ConstTensorView from;
  TensorView to;
};
void copy_rows(const Context& ctx, const CopyRowsArgs& args);

}  // namespace dsabench::ops
