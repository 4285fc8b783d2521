#include "train/attention.h"

#include <optional>

#include "kernels/base/error.h"
#include "train/indexer.h"
#include "train/row_operators.h"

namespace dsabench::train {
namespace {

constexpr double kLatentNormEps = 1e-6;  // whatever rms_norm_eps says, as in the engine

struct Heads {
  at::Tensor queries, keys, values;  ///< [batch, heads, tokens, dim]
};

Heads project(const ModelConfig& config, const LayerParameters& p, const Rope& rope,
              const QueryLatent& query, Precision precision) {
  constexpr auto kLayout = ops::RopeLayout::interleaved;
  const std::int64_t batch = query.x.direction.size(0), tokens = query.x.direction.size(1),
                     heads = config.num_heads;
  // Halves by split, whose gradient is one copy.
  const auto q = linear(query.latent, p.q_b_proj, {}, precision)
                     .view({batch, tokens, heads, config.qk_head_dim()})
                     .split_with_sizes({config.qk_nope_dim, config.qk_rope_dim}, -1);
  const at::Tensor queries = at::cat({q[0], rope.rotate(q[1], kLayout)}, -1);

  const auto kv = linear(query.x, p.kv_a_proj, p.kv_a_bias, precision)
                      .split_with_sizes({config.kv_lora_rank, config.qk_rope_dim}, -1);
  const Normed latent = rms_norm(kv[0], p.kv_a_norm, kLatentNormEps, precision);
  const at::Tensor shared = rope.rotate(kv[1].unsqueeze(2), kLayout);
  const auto expanded = linear(latent, p.kv_b_proj, {}, precision)
                            .view({batch, tokens, heads, config.qk_nope_dim + config.v_dim})
                            .split_with_sizes({config.qk_nope_dim, config.v_dim}, -1);
  const at::Tensor keys =
      at::cat({expanded[0], shared.expand({batch, tokens, heads, config.qk_rope_dim})}, -1);
  return {queries.transpose(1, 2), keys.transpose(1, 2), expanded[1].transpose(1, 2)};
}

#if TORCH_VERSION_MAJOR >= 2
/// Without the matrix of probabilities ever in memory. Values are widened: the fast kernels want
/// one width for all. An undefined mask: all keys that are not after the query.
at::Tensor fused_attention(const Heads& heads, const at::Tensor& mask, double scale) {
  const std::int64_t width = heads.queries.size(-1), values = heads.values.size(-1);
  const at::Tensor padded =
      values < width ? at::constant_pad_nd(heads.values, {0, width - values}) : heads.values;
  std::optional<at::Tensor> allowed;
  if (mask.defined()) allowed = mask.unsqueeze(1);
  return at::scaled_dot_product_attention(heads.queries, heads.keys, padded, allowed, 0.0,
                                          /*is_causal=*/!allowed, scale)
      .narrow(-1, 0, values);
}
#endif

}  // namespace

QueryLatent query_latent(const ModelConfig& config, const LayerParameters& parameters,
                         const at::Tensor& hidden, Precision precision) {
  const Normed x = rms_norm(hidden, parameters.input_norm, config.rms_norm_eps, precision);
  const at::Tensor latent = linear(x, parameters.q_a_proj, parameters.q_a_bias, precision);
  return {x, rms_norm(latent, parameters.q_a_norm, kLatentNormEps, precision)};
}

AttentionOutput attend(const ModelConfig& config, const LayerParameters& parameters,
                       const Rope& rope, const QueryLatent& query, const at::Tensor& mask,
                       bool want_probabilities, Precision precision) {
  if (want_probabilities && !mask.defined()) {
    throw InvalidArgument("attention: probabilities need a mask");
  }
  const std::int64_t batch = query.x.direction.size(0), tokens = query.x.direction.size(1);
  const Heads heads = project(config, parameters, rope, query, precision);
  AttentionOutput result;
  const double scale = config.softmax_scale();
#if TORCH_VERSION_MAJOR >= 2
  at::Tensor mixed = fused_attention(heads, mask, scale);
  if (want_probabilities) {
    const at::NoGradGuard no_gradient;
    result.probabilities =
        mean_softmax(at::matmul(heads.queries, heads.keys.transpose(-1, -2)), scale, mask);
  }
#else
  const at::Tensor allowed =
      mask.defined() ? mask : causal_mask(tokens, query.x.direction.device()).unsqueeze(0);
  const at::Tensor p = softmax_over(at::matmul(heads.queries * scale, heads.keys.transpose(-1, -2)),
                                    allowed.unsqueeze(1));
  if (want_probabilities) result.probabilities = p.detach().mean(1);
  at::Tensor mixed = at::matmul(p.to(heads.queries.scalar_type()), heads.values);
#endif
  mixed = mixed.transpose(1, 2).reshape({batch, tokens, config.num_heads * config.v_dim});
  result.output = linear(mixed, parameters.o_proj, parameters.o_bias, precision);
  return result;
}

}  // namespace dsabench::train
