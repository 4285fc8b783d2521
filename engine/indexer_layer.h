#pragma once
#include <vector>

#include "engine/layer_pass.h"
#include "engine/model/weights.h"
#include "engine/scratch_buffer.h"
#include "kernels/ops/indexer_topk.h"
#include "kernels/ops/rope.h"

namespace dsabench {

/// The lightning indexer of a Full layer (docs/MODEL.md): appends the rows' keys to the indexer
/// caches and selects each row's top-k positions. Holds scratch only.
class IndexerLayer {
 public:
  IndexerLayer(const ModelConfig& config, IndexerMode mode, ops::RopeLayout rope_layout)
      : config_(config), mode_(mode), rope_layout_(rope_layout) {}

  /// Writes `indices` [rows, k] and, unless empty, `margins` [rows]. `x` is the attention's
  /// normalised input, `qr` its query latent. The operator itself increments `run_counter`.
  void select(const LayerPass& pass, const IndexerWeights& weights, ConstTensorView x,
              ConstTensorView qr, TensorView indices, TensorView margins,
              std::uint64_t* run_counter);

 private:
  void append_keys(const LayerPass& pass, const IndexerWeights& weights, ConstTensorView x);
  TensorView head_weights(const LayerPass& pass, const IndexerWeights& weights, ConstTensorView x);

  const ModelConfig& config_;
  IndexerMode mode_;
  ops::RopeLayout rope_layout_;
  std::vector<ops::IndexerSequence> sequences_;
  ScratchBuffer queries_, quantised_queries_, query_scales_, keys_, head_weights_;
};

}  // namespace dsabench
