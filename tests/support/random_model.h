#pragma once
#include <memory>
#include <vector>

#include "engine/model/layer_pattern.h"
#include "engine/model/weights.h"
#include "tests/support/random.h"

namespace dsabench::test {

/// A small model with random sizes and weights. Its index scores and router logits are of order 1.
struct RandomModel {
  std::shared_ptr<const ModelConfig> config;
  std::shared_ptr<const Weights> weights;
};

/// Sizes of every kind at random: YaRN, attention biases, tied embeddings, expert groups, shared
/// experts and dense layers sometimes. index_dim is a power of two.
ModelConfig random_config(Random& random, ModelFamily family);
/// Weights with an indexer on every layer.
Weights random_weights(Random& random, const ModelConfig& config);
RandomModel random_model(Random& random, ModelFamily family);

/// Layer 0 Full, every other Full or Shared at random, with at least one Shared layer.
LayerPattern random_pattern(Random& random, std::int64_t num_layers);
std::vector<std::int32_t> random_tokens(Random& random, const ModelConfig& config,
                                        std::int64_t count);

/// The family that this run of a test draws.
ModelFamily random_family(Random& random);

}  // namespace dsabench::test
