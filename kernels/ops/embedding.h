#pragma once
#include "kernels/base/context.h"

namespace dsabench::ops {

/// Looks up rows: out[t, :] = table[tokens[t], :].
///   table   [vocab, dim]   f32
///   tokens  [tokens]       i32
///   out     [tokens, dim]  f32, rows may be strided
/// Throws InvalidArgument on a mismatch, and for a token outside [0, vocab) (names token and row).
struct EmbeddingArgs {
  ConstTensorView table, tokens;
  TensorView out;
};
void embedding(const Context& ctx, const EmbeddingArgs& args);

}  // namespace dsabench::ops
