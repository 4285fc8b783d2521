#pragma once
#include "kernels/cuda/launch.h"
#include "kernels/ops/sparse_mla.h"

namespace dsabench::ops::detail {

/// Runs the call on Hopper's tensor cores and returns true, or leaves it to the kernels of
/// mla_cuda: anything but bf16 latents of 512 and rope parts of 64 in rows aligned to 16 bytes,
/// caches of more than 2^24 rows, fewer than kMinSharedRows rows, or a device or build without
/// sm_90a. Neighbouring queries of one sequence, as many as fill 64 rows with their heads, gather
/// the union of their keys once.
bool sparse_mla_sm90(const cuda::Launch& launch, const SparseMlaArgs& args);

/// Below, too few blocks would work.
inline constexpr std::int64_t kMinSharedRows = 256;

}  // namespace dsabench::ops::detail
