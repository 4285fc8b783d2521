#pragma once
#include "engine/layer_pass.h"
#include "engine/model/weights.h"
#include "engine/scratch_buffer.h"

namespace dsabench {

/// The feed-forward block of a layer: a dense gated MLP, or a mixture of experts with its shared
/// experts (docs/MODEL.md). Holds scratch only. Views that it returns are valid until the next
/// call.
class FeedForwardLayer {
 public:
  explicit FeedForwardLayer(const ModelConfig& config) : config_(config) {}

  /// [rows, hidden]. `expert_load` [experts] i64 is increased by the rows each expert got.
  TensorView run(const LayerPass& pass, const LayerWeights& weights, ConstTensorView x,
                 TensorView expert_load);

  /// [rows, experts_per_token] i32: the experts of the last run; empty where that was dense.
  ConstTensorView experts() const { return experts_; }

 private:
  TensorView dense(const LayerPass& pass, const DenseMlpWeights& weights, ConstTensorView x);
  TensorView mixture(const LayerPass& pass, const MoeWeights& weights, ConstTensorView x,
                     TensorView expert_load);

  const ModelConfig& config_;
  ConstTensorView experts_;
  ScratchBuffer gate_up_, dense_output_, router_logits_, chosen_, expert_weights_, moe_output_;
};

}  // namespace dsabench
