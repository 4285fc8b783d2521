#pragma once
#include "kernels/base/context.h"

namespace dsabench::ops {

/// Runs the chosen experts, tokens grouped by expert so that each expert's weights are read once:
///   out[t, :] = sum_n weights[t, n] * down[e] (silu(gate[e] x[t]) * up[e] x[t]),   e = experts[t,
///   n]
/// The sum over n runs in slot order: the result does not depend on the batch.
///   x        [tokens, hidden]                        f32
///   experts  [tokens, top_n]                         i32, each in [0, num_experts)
///   weights  [tokens, top_n]                         f32
///   gate_up  [num_experts, 2 * intermediate, hidden] f32, gate rows first
///   down     [num_experts, hidden, intermediate]     f32
///   out      [tokens, hidden]                        f32, overwritten; must not overlap x
///   load     [num_experts]                           i64, may be empty: += tokens each expert got
/// On CUDA x, gate_up, down and out may be bf16 (so are then the activations between the products)
/// and there are at most 4096 experts. In bf16, with x, gate_up and down in rows aligned to 16
/// bytes, calls of at most 32 (token, expert) pairs, hidden and intermediate multiples of 8, take
/// each pair by itself; larger ones, in multiples of 64, run as warpgroup products on compute
/// capability 9.0; what is neither groups its tokens for tiles. Each sums in an order of its own,
/// so a row depends on which of the three its call is.
/// Throws InvalidArgument on a mismatch or an expert out of range (names token and value); on CUDA,
/// where looking would mean waiting, such a token's row becomes NaN.
/// 6 * hidden * intermediate flops a (token, expert).
struct MoeExpertsArgs {
  ConstTensorView x, experts, weights, gate_up, down;
  TensorView out, load;
};
void moe_experts(const Context& ctx, const MoeExpertsArgs& args);

}  // namespace dsabench::ops
