#pragma once
/// Multi-head latent attention in double precision, one query at a time, in both of its forms.
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/base/tensor_view.h"

namespace dsabench::reference {

/// Absorbed form over the keys in `selected` (positions; negative ones are no key):
///   softmax over the selected keys of scale * (q_latent[row, h] . c_j + q_rope[row, h] . p_j),
/// weighted sum of c_j. Zeros where nothing is selected.
///   q_latent  [tokens, heads, latent_dim]             f32
///   q_rope    [tokens, heads, rope_dim]               f32
///   latents   [positions, latent_dim + rope_dim]      f32, row = (c, p)
/// Returns [heads * latent_dim].
std::vector<double> attention_row(const ConstTensorView& q_latent, const ConstTensorView& q_rope,
                                  std::int64_t row, const ConstTensorView& latents,
                                  std::span<const std::int32_t> selected, double scale);

/// The same attention from its definition, keys and values expanded from the latents:
///   (k_n | v)[j, h] = c_j kv_b[h]^T,  softmax of scale * (q_nope . k_n + q_rope . p_j), sum of v.
///   q_nope  [heads * nope_dim] and q_rope [heads * rope_dim] of one query
///   kv_b    [heads * (nope_dim + value_dim), latent_dim]   f32; per head: key rows, then value
///   rows
/// Returns [heads * value_dim].
std::vector<double> attention_row_mha(std::span<const double> q_nope,
                                      std::span<const double> q_rope, std::int64_t heads,
                                      const ConstTensorView& kv_b, const ConstTensorView& latents,
                                      std::span<const std::int32_t> selected, double scale);

/// Positions 0..position: the selection of dense causal attention.
std::vector<std::int32_t> causal_positions(std::int64_t position);

}  // namespace dsabench::reference
