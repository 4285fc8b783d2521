#pragma once
#include "kernels/base/context.h"

namespace dsabench::ops {

/// Scales in place: values[t, i] *= factor * scales[t, i] (times the factor alone without scales).
///   values  [rows, columns]  f32, contiguous
///   scales  [rows, columns]  f32, contiguous; may be empty
/// Throws InvalidArgument on a shape, dtype or device mismatch.
struct ScaleArgs {
  TensorView values;
  ConstTensorView scales;
  float factor = 1.0f;
};
void scale(const Context& ctx, const ScaleArgs& args);

}  // namespace dsabench::ops
