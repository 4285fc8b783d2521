#pragma once
#include "kernels/base/context.h"

namespace dsabench::ops {

/// Sigmoid router with group-limited choice (DeepSeek-V3 "noaux_tc"):
///   s = sigmoid(logits); b = s + bias (bias chooses, it does not weigh)
///   num_groups > 1: a group's score is the sum of its two largest b; only experts of the best
///   topk_groups groups remain
///   experts[t, :] = the experts of the largest b, best first, equal ones by lower index
///   weights[t, :] = s of those, divided by (their sum + 1e-20) where normalize, times routed_scale
///   logits   [tokens, num_experts]  f32
///   bias     [num_experts]          f32
///   experts  [tokens, top_n]        i32 out
///   weights  [tokens, top_n]        f32 out
/// NaN orders below every number. At most 4096 experts on CUDA. Throws InvalidArgument on a
/// mismatch, where num_experts is no multiple of num_groups, a group has fewer than two experts
/// (num_groups > 1), or top_n exceeds the experts that remain.
struct MoeRouterArgs {
  ConstTensorView logits, bias;
  TensorView experts, weights;
  std::int64_t num_groups = 1, topk_groups = 1;
  bool normalize = true;
  float routed_scale = 1.0f;
};
void moe_router(const Context& ctx, const MoeRouterArgs& args);

}  // namespace dsabench::ops
