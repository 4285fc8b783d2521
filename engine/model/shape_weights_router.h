#pragma once
#include "engine/model/model_config.h"
#include "engine/model/shape_weights_channels.h"
#include "kernels/base/tensor.h"

namespace dsabench {

/// The router bias [experts] that evens out the experts' load on text-like tokens, whose frequency
/// falls as 1/rank (the same frequencies and the same id for each rank as in the suite `speed`).
///   layer      whose router it is: the residual stream's norm grows with depth
///   router     [experts, D]  that reads only the router channels
///   embedding  [vocab, D]
/// Runs on the host in double precision and fixed order: the same bits everywhere.
Tensor balanced_router_bias(const ModelConfig& config, const ShapeChannels& channels,
                            std::int64_t layer, ConstTensorView router, ConstTensorView embedding);

}  // namespace dsabench
