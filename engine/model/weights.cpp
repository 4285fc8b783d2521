#include "engine/model/weights.h"

#include <fmt/format.h>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

std::int64_t sum_bytes(std::initializer_list<const Tensor*> tensors) {
  std::int64_t total = 0;
  for (const Tensor* tensor : tensors) total += tensor->empty() ? 0 : tensor->bytes();
  return total;
}

std::int64_t attention_bytes(const AttentionWeights& w) {
  std::int64_t total = sum_bytes({&w.q_a_proj, &w.q_a_norm, &w.q_b_proj, &w.kv_a_proj, &w.kv_a_norm,
                                  &w.kv_b_proj, &w.o_proj, &w.q_a_bias, &w.kv_a_bias, &w.o_bias});
  if (w.indexer) {
    total += sum_bytes({&w.indexer->wq_b, &w.indexer->wk, &w.indexer->k_norm_weight,
                        &w.indexer->k_norm_bias, &w.indexer->weights_proj});
  }
  return total;
}

std::int64_t dense_bytes(const std::optional<DenseMlpWeights>& w) {
  return w ? sum_bytes({&w->gate_up, &w->down}) : 0;
}

std::int64_t moe_bytes(const std::optional<MoeWeights>& w) {
  if (!w) return 0;
  return sum_bytes({&w->router, &w->router_bias, &w->gate_up, &w->down}) + dense_bytes(w->shared);
}

}  // namespace

std::int64_t Weights::bytes() const {
  std::int64_t total = sum_bytes({&embedding, &final_norm, &lm_head});
  for (const LayerWeights& layer : layers) {
    total += sum_bytes({&layer.input_norm, &layer.post_attention_norm});
    total += attention_bytes(layer.attention) + dense_bytes(layer.dense) + moe_bytes(layer.moe);
  }
  return total;
}

void check_pattern_against_weights(const LayerPattern& pattern, const Weights& weights) {
  if (pattern.num_layers() != std::int64_t(weights.layers.size())) {
    throw InvalidArgument(fmt::format("pattern has {} layers, the weights have {}",
                                      pattern.num_layers(), weights.layers.size()));
  }
  for (std::int64_t layer = 0; layer < pattern.num_layers(); ++layer) {
    if (pattern.is_full(layer) && !weights.layers[std::size_t(layer)].attention.indexer) {
      throw InvalidArgument(
          fmt::format("pattern {} runs an indexer that the checkpoint lacks, on layer {}",
                      pattern.letters(), layer));
    }
  }
}

}  // namespace dsabench
