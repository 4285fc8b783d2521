#pragma once
#include <vector>

#include "engine/layer_pass.h"
#include "engine/model/weights.h"
#include "engine/scratch_buffer.h"
#include "kernels/ops/sparse_mla.h"

namespace dsabench {

/// Multi-head latent attention in absorbed form (docs/MODEL.md): keys and values stay latent, the
/// key half of kv_b_proj is applied to the queries and its value half to the attended latents.
/// Holds scratch only. Views that it returns are valid until the next call.
class AttentionLayer {
 public:
  AttentionLayer(const ModelConfig& config, float latent_norm_eps)
      : config_(config), latent_norm_eps_(latent_norm_eps) {}

  /// qr = rms(x W_qa^T), the queries' latent, [rows, q_lora_rank]; the indexer's input too.
  TensorView query_latent(const LayerPass& pass, const AttentionWeights& weights,
                          ConstTensorView x);

  /// Writes the rows' latents and rotated keys into the caches.
  void append_latents(const LayerPass& pass, const AttentionWeights& weights, ConstTensorView x);

  /// Attends over `indices` [rows, k], or over every causal key where it is empty, and projects the
  /// heads: [rows, hidden]. The caches must hold the rows' own latents.
  TensorView attend(const LayerPass& pass, const AttentionWeights& weights, ConstTensorView qr,
                    ConstTensorView indices);

 private:
  const ModelConfig& config_;
  float latent_norm_eps_;
  std::vector<ops::LatentSequence> sequences_;
  ScratchBuffer query_latent_, kv_a_, queries_, latent_queries_, attended_, heads_, output_;
};

}  // namespace dsabench
