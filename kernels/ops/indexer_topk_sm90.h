#pragma once
#include "kernels/cuda/launch.h"
#include "kernels/ops/indexer_topk.h"

namespace dsabench::ops::detail {

/// Runs the call on Hopper's tensor cores and returns true, or leaves it to the portable kernels:
/// f32, more than 64 heads (bf16: other than 16, 32 or 64), a dim other than 64 or 128, rows not
/// aligned to 16 bytes, contexts beyond kMaxScanKeys, fewer than kMinScanRows rows, or a device or
/// build without sm_90a. Sums of e4m3 products keep about 14 bits beside the largest addend of a
/// dot product, as Hopper's fp8 tensor cores do; those of bf16 are f32.
bool indexer_topk_sm90(const cuda::Launch& launch, const IndexerTopkArgs& args);

/// Below, too few blocks would work.
inline constexpr std::int64_t kMinScanRows = 256;
/// The final selection keeps one bit a key in shared memory.
inline constexpr std::int64_t kMaxScanKeys = std::int64_t{3} << 19;
/// Bytes of candidate lists, unless one row needs more.
inline constexpr std::int64_t kMaxCandidateBytes = std::int64_t{1} << 30;

}  // namespace dsabench::ops::detail
