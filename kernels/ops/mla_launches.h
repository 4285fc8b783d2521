#pragma once
#include <cstdint>
#include <span>

#include "kernels/ops/sparse_mla.h"

namespace dsabench::ops::detail {

/// How a call of attention on CUDA is cut into launches.
struct MlaLaunches {
  int segments;            ///< sequences with rows of each launch, but perhaps the last; at least 1
  std::int64_t rows;       ///< of the call
  std::int64_t most_rows;  ///< of a launch
};
/// At most `max_segments` sequences a launch, as evenly as can be: a small last launch would take
/// as long as the others.
MlaLaunches cut_launches(std::span<const LatentSequence> sequences, int max_segments);

/// How the keys of a query are shared out among blocks.
struct SplitRule {
  std::int64_t blocks_at_once;  ///< that the device runs side by side; splits at most
  std::int64_t min_keys;        ///< of a split
};
/// Keys of a split, whole tiles of 64, by which a launch of so many (query, head tile) blocks ends
/// soonest: what counts is how often all multiprocessors are filled, and how long that takes.
std::int64_t choose_split_keys(const SplitRule& rule, std::int64_t blocks, std::int64_t keys);

}  // namespace dsabench::ops::detail
