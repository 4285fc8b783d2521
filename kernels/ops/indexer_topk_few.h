#pragma once
#include "kernels/cuda/launch.h"
#include "kernels/ops/indexer_topk.h"

namespace dsabench::ops::detail {

/// Rows of a sequence that share one reading of its keys.
inline constexpr std::int64_t kMaxFewRows = 8;

/// Decoding: runs the call with the whole GPU on the keys of a few rows and returns true, or leaves
/// it to the other kernels: a sequence of more than kMaxFewRows rows, f32, more than 64 heads, a
/// dim other than 64 or 128, rows not aligned to 16 bytes, or contexts whose bitmap does not fit
/// into shared memory. Sums of products are f32 and the same whatever the number of blocks.
bool indexer_topk_few(const cuda::Launch& launch, const IndexerTopkArgs& args);

}  // namespace dsabench::ops::detail
