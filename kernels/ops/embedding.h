#pragma once
#include "kernels/base/context.h"

namespace dsabench::ops {

/// Looks up rows: out[t, :] = table[tokens[t], :].
///   table   [vocab, dim]   f32
///   tokens  [tokens]       i32
///   out     [tokens, dim]  f32, rows may be strided
/// On CUDA table and out may be bf16.
/// Throws InvalidArgument on a mismatch, and for a token outside [0, vocab) (names token and row);
/// on CUDA, where looking would mean waiting, such a token's row becomes NaN.
struct EmbeddingArgs {
  ConstTensorView table, tokens;
  TensorView out;
};
void embedding(const Context& ctx, const EmbeddingArgs& args);

}  // namespace dsabench::ops
