#pragma once
#include "kernels/cuda/launch.h"
#include "kernels/ops/moe_experts.h"

namespace dsabench::ops::detail {

/// Up to here most experts of a call are read for one token alone.
inline constexpr std::int64_t kMaxFewPairs = 32;

/// moe_experts of few (token, expert) pairs, where reading the weights is all that takes time: each
/// pair by itself, a warp to a row or two of weights, the sum over a token's experts in the second
/// of two kernels. Returns false where the call is not of this kind: the type, sizes and number of
/// pairs that moe_experts.h names.
bool moe_experts_few(const cuda::Launch& launch, const MoeExpertsArgs& args);

}  // namespace dsabench::ops::detail
