#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/ops/rope.h"

namespace dsabench {

/// One prompt of a golden folder. Optional tensors are empty where the folder lacks them.
struct GoldenPrompt {
  std::string name;                     ///< "p0"
  std::vector<std::int32_t> input_ids;  ///< [S]
  std::vector<float> logits;            ///< [S, V], one-shot prefill
  std::vector<std::int32_t> topk;       ///< [L, S, k], -1 padded
  std::vector<float> topk_margin;       ///< [L, S]
  std::vector<std::int32_t> generated;  ///< [G], greedy
  std::vector<float> decode_logits;     ///< [G - 1, V]
  std::int64_t vocab = 0, layers = 0, top_k = 0;
};

/// Reference outputs of a public implementation: golden.safetensors, and the conventions that
/// golden.json says they were made with (where it says any).
struct GoldenReference {
  std::vector<GoldenPrompt> prompts;
  std::optional<ops::RopeLayout> indexer_rope;
  std::optional<double> latent_norm_eps;
  std::vector<std::string>
      missing;  ///< tensors that prompts of such folders may have and these lack
};

/// Reads a folder. Throws IoError, ParseError, and InvalidArgument naming the tensor where shapes
/// contradict each other.
GoldenReference load_golden_reference(const std::string& directory);

}  // namespace dsabench
