#include "engine/model/host_attention.h"

#include "engine/host_view.h"

namespace dsabench {
namespace {

Tensor on_host(const Tensor& tensor) {
  if (tensor.empty()) return {};
  return host_copy(tensor);
}

AttentionWeights copy_of(const AttentionWeights& w) {
  AttentionWeights copy;
  copy.q_a_proj = on_host(w.q_a_proj);
  copy.q_a_norm = on_host(w.q_a_norm);
  copy.q_b_proj = on_host(w.q_b_proj);
  copy.kv_a_proj = on_host(w.kv_a_proj);
  copy.kv_a_norm = on_host(w.kv_a_norm);
  copy.kv_b_proj = on_host(w.kv_b_proj);
  copy.o_proj = on_host(w.o_proj);
  copy.q_a_bias = on_host(w.q_a_bias);
  copy.kv_a_bias = on_host(w.kv_a_bias);
  copy.o_bias = on_host(w.o_bias);
  if (w.indexer) {
    copy.indexer.emplace(IndexerWeights{
        on_host(w.indexer->wq_b), on_host(w.indexer->wk), on_host(w.indexer->k_norm_weight),
        on_host(w.indexer->k_norm_bias), on_host(w.indexer->weights_proj)});
  }
  return copy;
}

}  // namespace

HostAttention::HostAttention(std::shared_ptr<const Weights> weights)
    : weights_(std::move(weights)) {}

const AttentionWeights& HostAttention::of(std::int64_t layer) {
  const AttentionWeights& held = weights_->layers[static_cast<std::size_t>(layer)].attention;
  if (weights_->queue() == nullptr) return held;
  const auto [copy, is_new] = copies_.try_emplace(layer);
  if (is_new) copy->second = copy_of(held);
  return copy->second;
}

}  // namespace dsabench
