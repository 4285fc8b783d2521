#pragma once
#include "engine/model/model_config.h"
#include "train/layer_math.h"
#include "train/parameters.h"

namespace dsabench::train {

/// Which layers attend to what an indexer selects; the others attend to all keys.
enum class Attention {
  sparse,         ///< all, as in the engine
  sparse_shared,  ///< Shared ones: a Full layer can find keys that its indexer does not know yet
  dense,          ///< none: an indexer runs only to learn
};

/// What the keys are asked with: shared by a layer's attention and its indexer.
struct QueryLatent {
  Normed x;       ///< the layer's normed input [batch, tokens, D]
  Normed latent;  ///< the normed query latent [batch, tokens, Q]
};
QueryLatent query_latent(const ModelConfig& config, const LayerParameters& parameters,
                         const at::Tensor& hidden, Precision precision);

struct AttentionOutput {
  at::Tensor output;         ///< [batch, tokens, D]
  at::Tensor probabilities;  ///< mean over heads [batch, queries, keys], no gradient; where wanted
};

/// Multi-head latent attention over the keys that `mask` (bool, broadcastable to
/// [batch, queries, keys]) allows, each query at least one. An undefined mask stands for all keys
/// that are not after the query, and then no probabilities can be had.
AttentionOutput attend(const ModelConfig& config, const LayerParameters& parameters,
                       const Rope& rope, const QueryLatent& query, const at::Tensor& mask,
                       bool want_probabilities, Precision precision);

}  // namespace dsabench::train
