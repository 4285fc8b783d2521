#pragma once
/// Router and experts of a mixture-of-experts layer in double precision, one token at a time.
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/base/tensor_view.h"

namespace dsabench::reference {

struct RouterParams {
  std::int64_t top_n = 1;
  std::int64_t num_groups = 1, topk_groups = 1;
  bool normalize = true;
  double routed_scale = 1.0;
};

/// What one token chose: experts best first, and their weights.
struct RouterChoice {
  std::vector<std::int32_t> experts;
  std::vector<double> weights;
  /// Smallest gap that a choice rested on (of groups or of experts): a rounding error below it
  /// cannot change the set.
  double margin = 0.0;
};

/// Sigmoid router with group-limited choice, as in DeepSeek-V3 "noaux_tc": see
/// kernels/ops/moe_router.h.
///   logits, bias  [num_experts]
RouterChoice route_row(std::span<const float> logits, std::span<const float> bias,
                       const RouterParams& params);

/// sum_n weights[n] * down[e_n] (silu(gate[e_n] x) * up[e_n] x).
///   x        [hidden]
///   gate_up  [num_experts, 2 * intermediate, hidden]  f32, gate rows first
///   down     [num_experts, hidden, intermediate]      f32
/// Returns [hidden].
std::vector<double> experts_row(std::span<const float> x, std::span<const std::int32_t> experts,
                                std::span<const float> weights, const ConstTensorView& gate_up,
                                const ConstTensorView& down);

}  // namespace dsabench::reference
