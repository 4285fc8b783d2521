#include "engine/indexer_layer.h"

#include <cmath>

#include "kernels/ops/append_index_keys.h"
#include "kernels/ops/linear.h"
#include "kernels/ops/quantize_fp8.h"
#include "kernels/ops/scale.h"

namespace dsabench {
namespace {

constexpr float kKeyNormEps = 1e-6f;  // fixed by every implementation, whatever the config says

}  // namespace

void IndexerLayer::select(const LayerPass& pass, const IndexerWeights& weights, ConstTensorView x,
                          ConstTensorView qr, TensorView indices, TensorView margins,
                          std::uint64_t* run_counter) {
  const std::int64_t rows = pass.num_rows, heads = config_.index_heads, dim = config_.index_dim;
  pass.enter(Stage::indexer_proj);
  append_keys(pass, weights, x);

  const TensorView flat = pass.take(queries_, {rows, heads * dim});
  ops::linear(pass.ctx, {.x = qr, .weight = weights.wq_b, .bias = {}, .out = flat});
  const TensorView q = flat.split_last(heads, dim);
  ops::rope(pass.ctx, {.x = q.columns(0, config_.qk_rope_dim),
                       .cos = pass.cos,
                       .sin = pass.sin,
                       .layout = rope_layout_});
  TensorView scored = q, scales;
  if (mode_ != IndexerMode::exact) {
    const TensorView head_rows = flat.reshaped({rows * heads, dim});
    if (mode_ == IndexerMode::fp8_hadamard) ops::hadamard(pass.ctx, {head_rows});
    scored = pass.take(quantised_queries_, DType::f8_e4m3, {rows, heads, dim});
    scales = pass.take(query_scales_, DType::f32, {rows * heads, 1});
    ops::quantize_fp8(pass.ctx, {.x = head_rows,
                                 .out = scored.reshaped({rows * heads, dim}),
                                 .scales = scales,
                                 .block = dim,
                                 .power_of_two_scale = true});
  }
  const TensorView gates = head_weights(pass, weights, x);
  const auto factor = static_cast<float>(1.0 / std::sqrt(double(heads) * double(dim)));
  if (!scales.empty()) scales = scales.reshaped({rows, heads});
  ops::scale(pass.ctx, {.values = gates, .scales = scales, .factor = factor});

  sequences_.clear();
  for (const PackedSequence& entry : pass.sequences) {
    sequences_.push_back({entry.span, pass.pool.indexer_keys(pass.layer),
                          pass.pool.indexer_key_scales(pass.layer), entry.cache->block_table()});
  }
  pass.enter(Stage::indexer_score);
  ops::indexer_topk(pass.ctx, {.q = scored,
                               .head_weights = gates,
                               .sequences = sequences_,
                               .top_k = config_.index_top_k,
                               .indices = indices,
                               .margins = margins,
                               .run_counter = run_counter,
                               .positions = pass.positions});
}

void IndexerLayer::append_keys(const LayerPass& pass, const IndexerWeights& weights,
                               ConstTensorView x) {
  const std::int64_t dim = config_.index_dim;
  const TensorView keys = pass.take(keys_, {pass.num_rows, dim});
  ops::linear(pass.ctx, {.x = x, .weight = weights.wk, .bias = {}, .out = keys});
  ops::append_index_keys(pass.ctx, {.x = keys,
                                    .norm_weight = weights.k_norm_weight,
                                    .norm_bias = weights.k_norm_bias,
                                    .cos = pass.cos,
                                    .sin = pass.sin,
                                    .slots = pass.slots,
                                    .keys = pass.pool.indexer_keys(pass.layer),
                                    .key_scales = pass.pool.indexer_key_scales(pass.layer),
                                    .eps = kKeyNormEps,
                                    .rope_layout = rope_layout_,
                                    .hadamard = mode_ == IndexerMode::fp8_hadamard});
}

TensorView IndexerLayer::head_weights(const LayerPass& pass, const IndexerWeights& weights,
                                      ConstTensorView x) {
  const TensorView gates =
      pass.take(head_weights_, DType::f32, {pass.num_rows, config_.index_heads});
  ops::linear(pass.ctx, {.x = x, .weight = weights.weights_proj, .bias = {}, .out = gates});
  return gates;
}

}  // namespace dsabench
