#include "train/indexer.h"

#include <cmath>

#include "train/row_operators.h"

namespace dsabench::train {
namespace {

constexpr double kKeyNormEps = 1e-6;

ops::RopeLayout rope_layout(const ModelConfig& config) {
  const bool interleaved =
      config.indexer_rope_interleave.value_or(config.family == ModelFamily::glm_moe_dsa);
  return interleaved ? ops::RopeLayout::interleaved : ops::RopeLayout::half_split;
}

/// Rotates the first dimensions of x [batch, tokens, heads, index_dim].
at::Tensor rotated(const ModelConfig& config, const Rope& rope, const at::Tensor& x) {
  const std::int64_t rest = config.index_dim - config.qk_rope_dim;
  const at::Tensor first = x.narrow(-1, 0, config.qk_rope_dim);
  return at::cat({rope.rotate(first, rope_layout(config)), x.narrow(-1, config.qk_rope_dim, rest)},
                 -1);
}

}  // namespace

at::Tensor index_scores(const ModelConfig& config, const IndexerParameters& parameters,
                        const Rope& rope, const Normed& x, const Normed& q_latent,
                        Precision precision) {
  const std::int64_t batch = x.direction.size(0), tokens = x.direction.size(1);
  const std::int64_t heads = config.index_heads, dim = config.index_dim;
  const Normed input = x.detach(), latent = q_latent.detach();
  at::Tensor queries = linear(latent, parameters.wq_b, {}, precision);
  queries = rotated(config, rope, queries.view({batch, tokens, heads, dim}));
  at::Tensor keys = linear(input, parameters.wk, {}, precision);
  keys = at::layer_norm(keys.to(parameters.wk.scalar_type()), {dim}, parameters.k_norm_weight,
                        parameters.k_norm_bias, kKeyNormEps);
  keys = rotated(config, rope, keys.unsqueeze(2)).squeeze(2).to(queries.scalar_type());
  // A query's heads lie beside each other.
  const at::Tensor products =
      at::matmul(queries.reshape({batch, tokens * heads, dim}), keys.transpose(1, 2));
  const double scale = 1.0 / std::sqrt(double(dim) * double(heads));
  const at::Tensor head_weights = linear(input, parameters.weights_proj, {}, precision) * scale;
  return weighted_relu(products.view({batch * tokens, heads, tokens}),
                       head_weights.reshape({batch * tokens, heads}))
      .view({batch, tokens, tokens});
}

at::Tensor causal_mask(std::int64_t tokens, const at::Device& device) {
  return at::ones({tokens, tokens}, at::TensorOptions(at::kBool).device(device)).tril();
}

}  // namespace dsabench::train
