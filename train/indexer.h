#pragma once
#include "engine/model/model_config.h"
#include "train/layer_math.h"
#include "train/parameters.h"

namespace dsabench::train {

/// Index scores I [batch, queries, keys] of one layer, as products are; where the key comes after
/// the query they mean nothing. `x` is the layer's normed input, `q_latent` the normed query
/// latent: the indexer learns from its own loss alone, so both are taken as constants.
at::Tensor index_scores(const ModelConfig& config, const IndexerParameters& parameters,
                        const Rope& rope, const Normed& x, const Normed& q_latent,
                        Precision precision);

/// [tokens, tokens] bool: the key is not after the query.
at::Tensor causal_mask(std::int64_t tokens, const at::Device& device);

}  // namespace dsabench::train
