#pragma once
#include <span>

#include "kernels/base/context.h"
#include "kernels/ops/sparse_mla.h"

namespace dsabench::ops {

/// The upper reference of sparse_mla: the same attention over every causal key.
///   q_latent, q_rope, out, sequences, scale: as in SparseMlaArgs
/// Tiles over keys: memory does not grow with tokens * keys. Throws InvalidArgument on a mismatch.
struct DenseMlaArgs {
  ConstTensorView q_latent, q_rope;
  std::span<const LatentSequence> sequences;
  TensorView out;
  float scale = 1.0f;
};
void dense_mla(const Context& ctx, const DenseMlaArgs& args);

}  // namespace dsabench::ops
