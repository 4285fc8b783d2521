#pragma once
/// A whole forward pass in double precision, written from the definition and not from the engine:
/// keys and values expanded per head (MHA form), one query at a time, no caches, no batches.
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "engine/model/layer_pattern.h"
#include "engine/model/weights.h"

namespace dsabench::test {

/// [layer][position] -> a list: selected key positions, or chosen experts.
using Choices = std::vector<std::vector<std::vector<std::int32_t>>>;

struct ReferenceOptions {
  ops::RopeLayout indexer_rope = ops::RopeLayout::interleaved;
  double latent_norm_eps = 1e-6;
  bool dense_attention = false;
  /// Where given, the pass attends and routes as these say, so that its values do not depend on
  /// how a near-tie falls; the scores are computed all the same.
  const Choices* index_sets = nullptr;
  const Choices* experts = nullptr;
};

struct ReferenceResult {
  std::vector<std::vector<std::vector<double>>> hidden;  ///< [layer + 1][position][D]
  std::vector<std::vector<double>> final_norm;           ///< [position][D]
  std::vector<std::vector<double>> logits;               ///< [position][vocab]
  /// [layer][position][key <= position], Full layers only.
  std::vector<std::vector<std::vector<double>>> index_scores;
  /// [layer][position], Full layers only: the largest, over the keys, of sqrt(sum of the squares of
  /// a score's terms g_h q_hi k_i), or of the same after q and k were rotated to spread evenly.
  /// Rounding each q and k by a relative e moves a score by about sqrt(2) e times this, however
  /// far its terms cancel.
  std::vector<std::vector<double>> index_term_norms;
  Choices index_sets, experts;
  /// Smallest gap that a selection, or a choice of experts, rested on.
  double index_margin = std::numeric_limits<double>::infinity();
  double router_margin = std::numeric_limits<double>::infinity();
};

/// Index_sets are those of every layer: a Shared layer repeats its source.
ReferenceResult reference_forward(const ModelConfig& config, const Weights& weights,
                                  const LayerPattern& pattern, std::span<const std::int32_t> tokens,
                                  const ReferenceOptions& options);

}  // namespace dsabench::test
