#pragma once
#include "kernels/cuda/launch.h"
#include "kernels/ops/indexer_topk_batches.h"

namespace dsabench::ops::detail {

struct CandidateLists;

inline constexpr int kScanKeys = 128;  ///< keys of a stage, in two halves
inline constexpr int kScanRound = 16;  ///< stages between looks at the lists' lengths

/// Capacity of a list: between two looks a round of keys may come.
constexpr int candidate_capacity(int keep) {
  return (2 * keep + 2 * kScanRound * kScanKeys + 255) / 256 * 256;
}

/// Scores a batch of a call that indexer_topk_sm90 takes and leaves each row's candidates in
/// `lists`: keys of Stored, kDim values each. A source for each pair, since one takes ten seconds
/// to compile: cuda::E4m3 or cuda::Bf16, 64 or 128.
template <class Stored, int kDim>
void launch_scan(const cuda::Launch& launch, const IndexerTopkArgs& args, const ScoreBatch& batch,
                 const CandidateLists& lists);

}  // namespace dsabench::ops::detail
