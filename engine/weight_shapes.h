#pragma once
#include "engine/model/weights.h"

namespace dsabench {

/// Throws InvalidArgument naming layer, tensor, expected and found shape where the weights are not
/// those of the config. An indexer may be absent on any layer.
void check_weights_against_config(const ModelConfig& config, const Weights& weights);

}  // namespace dsabench
