#include "engine/engine.h"

namespace dsabench {

std::string check_indexer_runs(const LayerPattern& pattern, std::int64_t num_forwards,
                               std::span<const std::uint64_t> runs, bool dense_attention) {
  if (std::ssize(runs) != pattern.num_layers()) {
    return fmt::format("indexer counts of {} layers, the pattern has {}", runs.size(),
                       pattern.num_layers());
  }
  for (std::int64_t layer = 0; layer < pattern.num_layers(); ++layer) {
    const bool runs_indexer = pattern.is_full(layer) && !dense_attention;
    const auto expected = static_cast<std::uint64_t>(runs_indexer ? num_forwards : 0);
    const std::uint64_t found = runs[static_cast<std::size_t>(layer)];
    if (found == expected) continue;
    return fmt::format("layer {} ({}): its indexer ran {} times in {} forward passes, expected {}",
                       layer,
                       dense_attention          ? "dense attention"
                       : pattern.is_full(layer) ? "Full"
                                                : "Shared",
                       found, num_forwards, expected);
  }
  return {};
}

}  // namespace dsabench
