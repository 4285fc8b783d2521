#include "engine/feed_forward_layer.h"

#include "kernels/ops/add.h"
#include "kernels/ops/linear.h"
#include "kernels/ops/moe_experts.h"
#include "kernels/ops/moe_router.h"
#include "kernels/ops/swiglu.h"

namespace dsabench {

TensorView FeedForwardLayer::run(const LayerPass& pass, const LayerWeights& weights,
                                 ConstTensorView x, TensorView expert_load) {
  experts_ = {};
  if (weights.dense) {
    pass.enter(Stage::dense_mlp);
    return dense(pass, *weights.dense, x);
  }
  pass.enter(Stage::moe);
  return mixture(pass, *weights.moe, x, expert_load);
}

TensorView FeedForwardLayer::dense(const LayerPass& pass, const DenseMlpWeights& weights,
                                   ConstTensorView x) {
  const std::int64_t intermediate = weights.down.dim(1);
  const TensorView gate_up = pass.take(gate_up_, {pass.num_rows, 2 * intermediate});
  ops::linear(pass.ctx, {.x = x, .weight = weights.gate_up, .bias = {}, .out = gate_up});
  const TensorView gate = gate_up.columns(0, intermediate);
  ops::swiglu(pass.ctx,
              {.gate = gate, .up = gate_up.columns(intermediate, intermediate), .out = gate});
  const TensorView output = pass.take(dense_output_, {pass.num_rows, config_.hidden_size});
  ops::linear(pass.ctx, {.x = gate, .weight = weights.down, .bias = {}, .out = output});
  return output;
}

TensorView FeedForwardLayer::mixture(const LayerPass& pass, const MoeWeights& weights,
                                     ConstTensorView x, TensorView expert_load) {
  const std::int64_t rows = pass.num_rows;
  const TensorView logits = pass.take(router_logits_, DType::f32, {rows, config_.num_experts});
  ops::linear(pass.ctx, {.x = x, .weight = weights.router, .bias = {}, .out = logits});
  const TensorView chosen = pass.take(chosen_, DType::i32, {rows, config_.experts_per_token});
  const TensorView shares =
      pass.take(expert_weights_, DType::f32, {rows, config_.experts_per_token});
  ops::moe_router(pass.ctx, {.logits = logits,
                             .bias = weights.router_bias,
                             .experts = chosen,
                             .weights = shares,
                             .num_groups = config_.expert_groups,
                             .topk_groups = config_.topk_expert_groups,
                             .normalize = config_.normalize_expert_weights,
                             .routed_scale = static_cast<float>(config_.routed_scaling_factor)});
  const TensorView output = pass.take(moe_output_, {rows, config_.hidden_size});
  ops::moe_experts(pass.ctx, {.x = x,
                              .experts = chosen,
                              .weights = shares,
                              .gate_up = weights.gate_up,
                              .down = weights.down,
                              .out = output,
                              .load = expert_load});
  if (weights.shared) ops::add(pass.ctx, {output, dense(pass, *weights.shared, x)});
  experts_ = chosen;
  return output;
}

}  // namespace dsabench
