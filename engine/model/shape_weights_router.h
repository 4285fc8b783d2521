#pragma once
#include "engine/model/model_config.h"
#include "engine/model/shape_weights_channels.h"
#include "kernels/base/tensor.h"

namespace dsabench {

/// The id of each frequency rank in text-like prompts: the rule of the suite `speed`, which
/// spreads the frequent tokens over all ids by a multiplier near the golden section.
class TextTokenIds {
 public:
  explicit TextTokenIds(std::int64_t vocab_size);
  /// rank in [0, vocab_size), 0 the most frequent.
  std::int64_t of_rank(std::int64_t rank) const { return (rank + 1) * multiplier_ % vocab_size_; }

 private:
  std::int64_t vocab_size_, multiplier_;
};

/// The router bias [experts] that evens out the experts' load on text-like tokens, whose frequency
/// falls as 1/rank (as in the suite `speed`).
///   layer      whose router it is: the residual stream's norm grows with depth
///   router     [experts, D]  that reads only the router channels
///   embedding  [vocab, D]
/// Runs on the host in double precision and fixed order: the same bits everywhere.
Tensor balanced_router_bias(const ModelConfig& config, const ShapeChannels& channels,
                            std::int64_t layer, ConstTensorView router, ConstTensorView embedding);

}  // namespace dsabench
