#pragma once
#include <span>

#include "kernels/base/context.h"
#include "kernels/ops/block_table.h"
#include "kernels/ops/sequence_span.h"

namespace dsabench::ops {

/// One sequence's latent cache: the row of a position holds the normalised latent (kv_lora_rank
/// values) and then the rotated key part (rope_dim values).
///   latents      [rows, latent_dim + rope_dim]  f32, or bf16 on CUDA; or u8 [rows, bytes]: rows of
///                                               the fp8 cache (fp8_latents.h)
///   block_table  [>= blocks_of(end_position)]   i32: where positions lie among the rows
///                                               (block_table.h); empty: in order, rows >=
///                                               end_position
/// What other rows hold does not matter.
struct LatentSequence {
  SequenceSpan span;
  ConstTensorView latents, block_table = {};
};

/// Multi-head latent attention in absorbed form over the selected keys only:
///   s[h, j] = scale * (q_latent[t, h, :] . c_j + q_rope[t, h, :] . p_j),   j in indices[t, :]
///   out[t, h, :] = sum_j softmax_j(s[h, :]) c_j
///   q_latent  [tokens, heads, latent_dim]  f32
///   q_rope    [tokens, heads, rope_dim]    f32, tokens and heads may be strided
///   indices   [tokens, top_k]              i32: positions 0..position(t), any order, each at most
///                                          once; -1 = no key
///   out       [tokens, heads, latent_dim]  f32; zeros for a row that selects nothing
///   positions [tokens]                     i32, may be empty: where row t stands, as indexer_topk
///                                          takes it: of the span then counts only end_position
/// On CUDA q_latent, q_rope, latents and out may be bf16 (the softmax's weights are then rounded to
/// bf16 before they meet the latents); latent_dim is at most 1024 and latent_dim + rope_dim 1280.
/// Softmax in f32 over the selected keys, no sink, no window. Throws InvalidArgument on a mismatch,
/// and for an index that is not causal (names row and value); on CUDA, where looking would mean
/// waiting, such a row becomes NaN.
/// 2 * heads * (2 * latent_dim + rope_dim) flops a selected pair.
struct SparseMlaArgs {
  ConstTensorView q_latent, q_rope, indices;
  std::span<const LatentSequence> sequences;
  TensorView out;
  float scale = 1.0f;
  ConstTensorView positions = {};
};
void sparse_mla(const Context& ctx, const SparseMlaArgs& args);

}  // namespace dsabench::ops
