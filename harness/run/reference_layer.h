#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "kernels/ops/rope.h"

namespace dsabench {

/// The attention block of one layer for one row, in double precision: composed of
/// kernels/reference, from the same config, weights and options as an engine, without its
/// operators. Where a path stores a value between steps it is rounded here too: to f32 or, of a
/// path in bf16, to bf16.
class ReferenceLayer {
 public:
  /// The arguments must outlive the object. Throws Error where the model's
  /// rope frequencies are not those of their formula, and nothing else that the engine did not.
  ReferenceLayer(const ModelConfig& config, const EngineOptions& options, DType dtype = DType::f32);

  /// What the row adds to the latent cache: [kv_lora_rank + rope], in the fp8 cache the values that
  /// its row holds.
  std::vector<float> latent_row(const AttentionWeights& weights, std::span<const float> x,
                                std::int64_t position) const;
  /// What the row adds to the indexer's key cache, on the values that the cache holds (dequantised
  /// in the fp8 modes): [index_dim].
  std::vector<float> key_row(const IndexerWeights& weights, std::span<const float> x,
                             std::int64_t position) const;
  /// Index scores of the row against cached keys 0..position, f32 or e4m3 codes.
  std::vector<double> scores(const AttentionWeights& weights, std::span<const float> x,
                             std::int64_t position, ConstTensorView keys,
                             ConstTensorView key_scales) const;
  /// Output of the block after o_proj, attending rows `selected` of `latents`: [hidden].
  std::vector<double> attention_output(const AttentionWeights& weights, std::span<const float> x,
                                       std::int64_t position, ConstTensorView latents,
                                       std::span<const std::int32_t> selected) const;

 private:
  std::vector<float> rounded(const std::vector<double>& values) const;
  std::vector<float> query_latent(const AttentionWeights& weights, std::span<const float> x) const;
  std::vector<float> rotated(std::span<const float> x, std::int64_t position,
                             ops::RopeLayout layout) const;
  /// Rotates the first dims of an indexer vector and, in that mode, transforms it.
  std::vector<float> indexer_vector(std::vector<float> x, std::int64_t position) const;

  const ModelConfig& config_;
  DType dtype_;
  IndexerMode mode_;
  CacheFormat format_;
  ops::RopeLayout indexer_rope_;
  double latent_norm_eps_;
  std::vector<float> inv_freq_;
  double magnitude_ = 1.0;
};

}  // namespace dsabench
