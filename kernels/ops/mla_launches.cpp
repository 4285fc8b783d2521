#include "kernels/ops/mla_launches.h"

#include <algorithm>
#include <limits>

namespace dsabench::ops::detail {
namespace {

constexpr std::int64_t kTileKeys = 64;
/// What a split costs beside its keys, in keys.
constexpr std::int64_t kSplitCost = 64;
/// Where the device is filled so often, the last time matters little: nothing is split.
constexpr std::int64_t kManyWaves = 4;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

std::int64_t keys_of_split(std::int64_t keys, std::int64_t splits) {
  return std::max<std::int64_t>(1, ceil_div(ceil_div(keys, splits), kTileKeys)) * kTileKeys;
}

}  // namespace

MlaLaunches cut_launches(std::span<const LatentSequence> sequences, int max_segments) {
  std::int64_t count = 0;
  for (const LatentSequence& sequence : sequences) count += sequence.span.num_rows > 0 ? 1 : 0;
  const std::int64_t launches = std::max<std::int64_t>(1, ceil_div(count, max_segments));
  MlaLaunches cut{static_cast<int>(std::max<std::int64_t>(1, ceil_div(count, launches))), 0, 0};
  std::int64_t rows = 0;
  int segments = 0;
  for (const LatentSequence& sequence : sequences) {
    if (sequence.span.num_rows == 0) continue;
    if (segments++ == cut.segments) rows = 0, segments = 1;
    rows += sequence.span.num_rows;
    cut.rows += sequence.span.num_rows;
    cut.most_rows = std::max(cut.most_rows, rows);
  }
  return cut;
}

std::int64_t choose_split_keys(const SplitRule& rule, std::int64_t blocks, std::int64_t keys) {
  std::int64_t best = keys_of_split(keys, 1);
  if (blocks >= kManyWaves * rule.blocks_at_once) return best;
  const std::int64_t most = std::clamp<std::int64_t>(keys / rule.min_keys, 1, rule.blocks_at_once);
  std::int64_t best_cost = std::numeric_limits<std::int64_t>::max();
  for (std::int64_t splits = 1; splits <= most; ++splits) {
    const std::int64_t waves = ceil_div(blocks * splits, rule.blocks_at_once);
    const std::int64_t cost = waves * (keys_of_split(keys, splits) + kSplitCost);
    if (cost >= best_cost) continue;
    best_cost = cost;
    best = keys_of_split(keys, splits);
  }
  return best;
}

}  // namespace dsabench::ops::detail
