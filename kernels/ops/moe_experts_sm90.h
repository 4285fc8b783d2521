#pragma once
#include "kernels/cuda/launch.h"
#include "kernels/ops/moe_experts.h"
#include "kernels/ops/moe_grouping.h"

namespace dsabench::cuda {
struct Bf16;
}  // namespace dsabench::cuda

namespace dsabench::ops::detail {

/// The products of moe_experts on the warpgroup products of compute capability 9.0.
/// Tiles of up to three warpgroups' 64 rows.
inline constexpr TileCut kMoeSm90Cut{192, 64};

/// Whether the call can run so: the type, sizes and number of pairs that moe_experts.h names, on a
/// device for which this program holds the code.
bool moe_sm90_fits(const MoeExpertsArgs& args);

/// For `x` [tokens, hidden] grouped with kMoeSm90Cut into `grouping`:
/// parts[row, :] = down[e] (silu(gate[e] x) * up[e] x), e and x being those of the grouped row;
/// `active` [pairs, intermediate] is scratch.
void launch_moe_sm90(const cuda::Launch& launch, const ConstTensorView& x,
                     const MoeExpertsArgs& args, const Grouping& grouping, cuda::Bf16* active,
                     float* parts);

}  // namespace dsabench::ops::detail
