#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/model/weights.h"
#include "train/tensors.h"

namespace dsabench::train {

struct IndexerParameters {
  at::Tensor wq_b;           ///< [heads * dim, Q]
  at::Tensor wk;             ///< [dim, D]
  at::Tensor k_norm_weight;  ///< [dim]
  at::Tensor k_norm_bias;    ///< [dim]
  at::Tensor weights_proj;   ///< [heads, D]
};

/// Shapes as in engine/model/weights.h. What a layer lacks is an undefined tensor.
struct LayerParameters {
  at::Tensor input_norm, post_attention_norm;
  at::Tensor q_a_proj, q_a_bias, q_a_norm, q_b_proj;
  at::Tensor kv_a_proj, kv_a_bias, kv_a_norm, kv_b_proj;
  at::Tensor o_proj, o_bias;
  std::optional<IndexerParameters> indexer;
  at::Tensor gate_up, down;                ///< of the dense layer, or of the shared experts
  at::Tensor router, router_bias;          ///< the bias chooses, and has no gradient
  at::Tensor expert_gate_up, expert_down;  ///< [E, 2 * I, D], gate rows first; [E, D, I]
};

enum class ParameterKind {
  model,        ///< learns from the language-model loss
  indexer,      ///< learns from the divergence of its scores from the attention
  router_bias,  ///< moved by the experts' load
};

/// One tensor under its name. Where the checkpoint has several for one (gate and up, experts) the
/// name is that of transformers' fused parameter.
struct NamedParameter {
  std::string name;
  at::Tensor tensor;
  ParameterKind kind;
  std::int64_t layer;  ///< -1 for those of no layer
};

/// A model's parameters in f32, all on one device.
struct Parameters {
  at::Tensor embedding, final_norm;
  at::Tensor lm_head;  ///< undefined where it is tied to the embedding
  std::vector<LayerParameters> layers;

  /// All that there are, in an order that depends on the config alone.
  std::vector<NamedParameter> named() const;
  std::int64_t count() const;
};

/// Copies a checkpoint's weights. They must lie on the host.
Parameters copy_parameters(const Weights& weights, const at::Device& device);

/// Fresh ones: matrices N(0, 1 / fan in), those that write to the residual stream divided by
/// sqrt(2 * layers) besides, embeddings N(0, 1) (where they are the head too, N(0, 1 / hidden)),
/// norms 1, biases 0. Made on the host: the same for every device.
Parameters random_parameters(const ModelConfig& config, std::uint64_t seed,
                             const at::Device& device);

}  // namespace dsabench::train
