#include "train/attention.h"

#include "kernels/base/error.h"
#include "train/indexer.h"

namespace dsabench::train {
namespace {

constexpr double kLatentNormEps = 1e-6;  // whatever rms_norm_eps says, as in the engine

struct Heads {
  at::Tensor queries, keys, values;  ///< [batch, heads, tokens, dim], queries scaled
};

Heads project(const ModelConfig& config, const LayerParameters& p, const Rope& rope,
              const QueryLatent& query, Precision precision) {
  constexpr auto kLayout = ops::RopeLayout::interleaved;
  const std::int64_t batch = query.x.size(0), tokens = query.x.size(1), heads = config.num_heads;
  const at::Tensor q = linear(query.latent, p.q_b_proj, {}, precision)
                           .view({batch, tokens, heads, config.qk_head_dim()});
  const at::Tensor rotated =
      rope.rotate(q.narrow(-1, config.qk_nope_dim, config.qk_rope_dim), kLayout);
  const at::Tensor queries = at::cat({q.narrow(-1, 0, config.qk_nope_dim), rotated}, -1);

  const at::Tensor kv = linear(query.x, p.kv_a_proj, p.kv_a_bias, precision);
  const at::Tensor latent =
      rms_norm(kv.narrow(-1, 0, config.kv_lora_rank), p.kv_a_norm, kLatentNormEps);
  const at::Tensor shared =
      rope.rotate(kv.narrow(-1, config.kv_lora_rank, config.qk_rope_dim).unsqueeze(2), kLayout);
  const at::Tensor expanded = linear(latent, p.kv_b_proj, {}, precision)
                                  .view({batch, tokens, heads, config.qk_nope_dim + config.v_dim});
  const at::Tensor keys = at::cat({expanded.narrow(-1, 0, config.qk_nope_dim),
                                   shared.expand({batch, tokens, heads, config.qk_rope_dim})},
                                  -1);
  const at::Tensor values = expanded.narrow(-1, config.qk_nope_dim, config.v_dim);
  return {(queries * config.softmax_scale()).transpose(1, 2), keys.transpose(1, 2),
          values.transpose(1, 2)};
}

#if TORCH_VERSION_MAJOR >= 2
/// Without the matrix of probabilities ever in memory. Values are widened: the fast kernels want
/// one width for all.
at::Tensor fused_causal(const Heads& heads) {
  const std::int64_t width = heads.queries.size(-1), values = heads.values.size(-1);
  const at::Tensor padded =
      values < width ? at::constant_pad_nd(heads.values, {0, width - values}) : heads.values;
  return at::scaled_dot_product_attention(heads.queries, heads.keys, padded, {}, 0.0,
                                          /*is_causal=*/true, /*scale=*/1.0)
      .narrow(-1, 0, values);
}
#endif

at::Tensor softmax_over(at::Tensor scores, const at::Tensor& mask) {
  scores = scores.masked_fill_(~mask, kMinusInfinity);  // in place: the largest tensor of a layer
  return scores.scalar_type() == at::kBFloat16 ? at::softmax(scores, -1, at::kFloat)
                                               : at::softmax(scores, -1);
}

}  // namespace

QueryLatent query_latent(const ModelConfig& config, const LayerParameters& parameters,
                         const at::Tensor& hidden, Precision precision) {
  const at::Tensor x = rms_norm(hidden, parameters.input_norm, config.rms_norm_eps);
  const at::Tensor latent = linear(x, parameters.q_a_proj, parameters.q_a_bias, precision);
  return {x, rms_norm(latent, parameters.q_a_norm, kLatentNormEps)};
}

AttentionOutput attend(const ModelConfig& config, const LayerParameters& parameters,
                       const Rope& rope, const QueryLatent& query, const at::Tensor& mask,
                       bool want_probabilities, Precision precision) {
  if (want_probabilities && !mask.defined()) {
    throw InvalidArgument("attention: probabilities need a mask");
  }
  const std::int64_t batch = query.x.size(0), tokens = query.x.size(1);
  const Heads heads = project(config, parameters, rope, query, precision);
  AttentionOutput result;
  at::Tensor mixed;
#if TORCH_VERSION_MAJOR >= 2
  if (!mask.defined()) mixed = fused_causal(heads);
#endif
  if (!mixed.defined()) {
    const at::Tensor allowed =
        mask.defined() ? mask : causal_mask(tokens, query.x.device()).unsqueeze(0);
    const at::Tensor probabilities =
        softmax_over(at::matmul(heads.queries, heads.keys.transpose(-1, -2)), allowed.unsqueeze(1));
    if (want_probabilities) result.probabilities = probabilities.detach().mean(1);
    mixed = at::matmul(probabilities.to(heads.values.scalar_type()), heads.values);
  }
  mixed = mixed.transpose(1, 2).reshape({batch, tokens, config.num_heads * config.v_dim});
  result.output = linear(mixed, parameters.o_proj, parameters.o_bias, precision);
  return result;
}

}  // namespace dsabench::train
