#include "train/feed_forward.h"

namespace dsabench::train {
namespace {

/// Experts outside the best groups to -inf. `choice` [tokens, E].
at::Tensor best_groups_only(const ModelConfig& config, const at::Tensor& choice) {
  const at::Tensor grouped = choice.unflatten(-1, {config.expert_groups, -1});
  const at::Tensor group_scores = std::get<0>(at::topk(grouped, 2, -1)).sum(-1);
  const at::Tensor best = std::get<1>(at::topk(group_scores, config.topk_expert_groups, -1));
  const at::Tensor closed = at::ones_like(group_scores, at::kBool).scatter(-1, best, false);
  return grouped.masked_fill(closed.unsqueeze(-1), kMinusInfinity).flatten(-2);
}

/// Of each token for each expert [tokens, E]: zero where it was not chosen.
struct Routing {
  at::Tensor weights, chosen;
};
Routing route(const ModelConfig& config, const LayerParameters& parameters, const Normed& x) {
  const at::Tensor scores = at::sigmoid(linear(x, parameters.router, {}, Precision::f32));
  at::Tensor choice = scores.detach() + parameters.router_bias;
  if (config.expert_groups > 1) choice = best_groups_only(config, choice);
  const at::Tensor experts = std::get<1>(
      at::topk(choice, config.experts_per_token, -1, /*largest=*/true, /*sorted=*/false));
  const at::Tensor chosen = at::zeros_like(choice).scatter(-1, experts, 1.0);
  at::Tensor weights = scores * chosen;
  if (config.normalize_expert_weights) weights = weights / (weights.sum(-1, true) + 1e-20);
  return {weights * config.routed_scaling_factor, chosen};
}

}  // namespace

FeedForwardOutput feed_forward(const ModelConfig& config, const LayerParameters& parameters,
                               const Normed& x, Precision precision) {
  FeedForwardOutput result;
  if (parameters.gate_up.defined()) {
    result.output = gated_mlp(x, parameters.gate_up, parameters.down, precision);
  }
  if (!parameters.router.defined()) return result;
  const std::int64_t experts = config.num_experts, width = config.expert_intermediate_size;
  const Routing routing = route(config, parameters, x);
  // Gates and ups of all experts beside each other: [E * width, D] each.
  const auto wide = parameters.expert_gate_up.view({experts, 2, width, -1}).transpose(0, 1);
  const auto halves = wide.reshape({2, experts * width, -1}).unbind(0);
  const at::Tensor gate = linear(x, halves[0], {}, precision);
  const at::Tensor up = linear(x, halves[1], {}, precision);
  // An expert's weight for each of its channels, as a product: broadcasting is slower.
  const at::Tensor channels = at::eye(experts, routing.weights.options())
                                  .unsqueeze(-1)
                                  .expand({experts, experts, width})
                                  .reshape({experts, experts * width});
  const at::Tensor weights =
      at::matmul(operand(routing.weights, precision), operand(channels, precision));
  const at::Tensor down = parameters.expert_down.permute({1, 0, 2}).flatten(1);
  const at::Tensor routed = linear(at::silu(gate) * up * weights, down, {}, precision);
  result.output = result.output.defined() ? result.output + routed : routed;
  result.load = routing.chosen.flatten(0, -2).sum(0);
  return result;
}

void balance(at::Tensor router_bias, const at::Tensor& load, double step) {
  const at::NoGradGuard no_gradient;
  router_bias.add_(at::sign(load.mean() - load), step);
}

}  // namespace dsabench::train
