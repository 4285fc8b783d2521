#include "engine/attention_layer.h"

#include "kernels/ops/append_latents.h"
#include "kernels/ops/dense_mla.h"
#include "kernels/ops/linear.h"
#include "kernels/ops/rms_norm.h"
#include "kernels/ops/rope.h"

namespace dsabench {
TensorView AttentionLayer::query_latent(const LayerPass& pass, const AttentionWeights& weights,
                                        ConstTensorView x) {
  const TensorView qr = pass.take(query_latent_, {pass.num_rows, config_.q_lora_rank});
  pass.enter(Stage::attention_proj);
  ops::linear(pass.ctx, {.x = x, .weight = weights.q_a_proj, .bias = weights.q_a_bias, .out = qr});
  pass.enter(Stage::norm_rope_quant);
  ops::rms_norm(pass.ctx,
                {.x = qr, .weight = weights.q_a_norm, .out = qr, .eps = latent_norm_eps_});
  return qr;
}

void AttentionLayer::append_latents(const LayerPass& pass, const AttentionWeights& weights,
                                    ConstTensorView x) {
  const std::int64_t width = config_.kv_lora_rank + config_.qk_rope_dim;
  const TensorView kv_a = pass.take(kv_a_, {pass.num_rows, width});
  pass.enter(Stage::attention_proj);
  ops::linear(pass.ctx,
              {.x = x, .weight = weights.kv_a_proj, .bias = weights.kv_a_bias, .out = kv_a});
  pass.enter(Stage::norm_rope_quant);
  ops::append_latents(pass.ctx, {.x = kv_a,
                                 .weight = weights.kv_a_norm,
                                 .cos = pass.cos,
                                 .sin = pass.sin,
                                 .slots = pass.slots,
                                 .latents = pass.pool.latents(pass.layer),
                                 .eps = latent_norm_eps_});
}

TensorView AttentionLayer::attend(const LayerPass& pass, const AttentionWeights& weights,
                                  ConstTensorView qr, ConstTensorView indices) {
  const std::int64_t rows = pass.num_rows, heads = config_.num_heads;
  const std::int64_t latent = config_.kv_lora_rank, nope = config_.qk_nope_dim;
  const std::int64_t rope = config_.qk_rope_dim, v = config_.v_dim;
  const TensorView flat = pass.take(queries_, {rows, heads * (nope + rope)});
  pass.enter(Stage::attention_proj);
  ops::linear(pass.ctx, {.x = qr, .weight = weights.q_b_proj, .bias = {}, .out = flat});
  const TensorView q = flat.split_last(heads, nope + rope);
  const TensorView q_rope = q.columns(nope, rope);
  pass.enter(Stage::norm_rope_quant);
  ops::rope(
      pass.ctx,
      {.x = q_rope, .cos = pass.cos, .sin = pass.sin, .layout = ops::RopeLayout::interleaved});

  // [heads, nope + v, latent]: per head the key rows, then the value rows.
  const ConstTensorView kv_b = weights.kv_b_proj.view().reshaped({heads, (nope + v) * latent});
  const TensorView latent_queries = pass.take(latent_queries_, {rows, heads, latent});
  pass.enter(Stage::attention_proj);
  ops::head_linear(pass.ctx, {.x = q.columns(0, nope),
                              .weight = kv_b.columns(0, nope * latent).split_last(nope, latent),
                              .out = latent_queries,
                              .transpose_weight = true});

  sequences_.clear();
  for (const PackedSequence& entry : pass.sequences) {
    sequences_.push_back({entry.span, pass.pool.latents(pass.layer), entry.cache->block_table()});
  }
  const TensorView attended = pass.take(attended_, {rows, heads, latent});
  const auto scale = static_cast<float>(config_.softmax_scale());
  pass.enter(Stage::sparse_attention);
  if (indices.empty()) {
    ops::dense_mla(pass.ctx, {latent_queries, q_rope, sequences_, attended, scale});
  } else {
    ops::sparse_mla(pass.ctx, {.q_latent = latent_queries,
                               .q_rope = q_rope,
                               .indices = indices,
                               .sequences = sequences_,
                               .out = attended,
                               .scale = scale,
                               .positions = pass.positions});
  }

  const TensorView values = pass.take(heads_, {rows, heads, v});
  const TensorView output = pass.take(output_, {rows, config_.hidden_size});
  pass.enter(Stage::attention_proj);
  ops::head_linear(pass.ctx,
                   {.x = attended,
                    .weight = kv_b.columns(nope * latent, v * latent).split_last(v, latent),
                    .out = values,
                    .transpose_weight = false});
  ops::linear(pass.ctx, {.x = values.reshaped({rows, heads * v}),
                         .weight = weights.o_proj,
                         .bias = weights.o_bias,
                         .out = output});
  return output;
}

}  // namespace dsabench
