#pragma once
#include <vector>

#include "engine/model/layer_pattern.h"
#include "train/tensors.h"

namespace dsabench::train {

/// What a Full layer's indexer is to learn of the attention of the layers that use its set: itself
/// and the Shared layers up to the next Full one. p: mean of the heads' probabilities, q: softmax
/// of the index scores, both over the same keys.
enum class IndexerTarget {
  none,              ///< no indexer learns
  own,               ///< KL(p of the layer itself || q)
  mean_of_losses,    ///< mean over served layers of KL(p || q): multi-layer distillation
  loss_of_the_mean,  ///< KL(mean over served layers of p || q): the same gradient
};

/// Follows a forward pass from layer to layer and adds up the losses.
class Distillation {
 public:
  Distillation(const LayerPattern& pattern, IndexerTarget target)
      : pattern_(pattern), target_(target) {}

  /// A Full layer's scores [batch, queries, keys] and the keys that count (bool, the same shape):
  /// those that it attends to.
  void begin(const at::Tensor& scores, const at::Tensor& keys);
  /// Whether `serve` wants this layer's probabilities.
  bool wants(std::int64_t layer) const;
  /// The probabilities [batch, queries, keys] of a layer that uses the scores of the last begin().
  void serve(std::int64_t layer, const at::Tensor& probabilities);
  /// Ends the run of the last Full layer; call after the last layer.
  void finish();

  /// One per Full layer: summed over batch and queries, a scalar with gradient.
  const std::vector<at::Tensor>& losses() const { return losses_; }

 private:
  const LayerPattern& pattern_;
  IndexerTarget target_;
  at::Tensor scores_, keys_;  ///< of the running Full layer
  at::Tensor sum_;            ///< of served layers' losses or probabilities
  std::int64_t served_ = 0;
  std::vector<at::Tensor> losses_;
};

}  // namespace dsabench::train
