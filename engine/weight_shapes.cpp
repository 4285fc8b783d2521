#include "engine/weight_shapes.h"

#include <algorithm>
#include <string>

namespace dsabench {
namespace {

using Shape = std::initializer_list<std::int64_t>;

/// What every tensor of a model shares.
struct Kind {
  DType dtype = DType::f32;
  DeviceQueue* queue = nullptr;
};

void expect(const Kind& kind, const std::string& owner, const char* name, const Tensor& tensor,
            Shape shape) {
  if (!tensor.empty() && tensor.dtype() == kind.dtype && tensor.queue() == kind.queue &&
      std::equal(tensor.shape().begin(), tensor.shape().end(), shape.begin(), shape.end())) {
    return;
  }
  const std::string found =
      tensor.empty() ? "nothing" : tensor.view().shape_string() + " on " + tensor.device().name();
  throw InvalidArgument(fmt::format("weights: {}{} must be {} [{}] on {}, got {}", owner, name,
                                    dtype_name(kind.dtype), fmt::join(shape, ", "),
                                    kind.queue ? kind.queue->device().name() : "cpu", found));
}

void expect_bias(const Kind& kind, const std::string& owner, const char* name, const Tensor& tensor,
                 std::int64_t size, bool present) {
  if (present) return expect(kind, owner, name, tensor, {size});
  if (!tensor.empty()) {
    throw InvalidArgument(
        fmt::format("weights: {}{} is present, and the config has no attention_bias", owner, name));
  }
}

void check_attention(const ModelConfig& c, const Kind& kind, const std::string& owner,
                     const AttentionWeights& w) {
  const std::int64_t kv_a_rows = c.kv_lora_rank + c.qk_rope_dim;
  expect(kind, owner, "q_a_proj", w.q_a_proj, {c.q_lora_rank, c.hidden_size});
  expect(kind, owner, "q_a_norm", w.q_a_norm, {c.q_lora_rank});
  expect(kind, owner, "q_b_proj", w.q_b_proj, {c.num_heads * c.qk_head_dim(), c.q_lora_rank});
  expect(kind, owner, "kv_a_proj", w.kv_a_proj, {kv_a_rows, c.hidden_size});
  expect(kind, owner, "kv_a_norm", w.kv_a_norm, {c.kv_lora_rank});
  expect(kind, owner, "kv_b_proj", w.kv_b_proj,
         {c.num_heads * (c.qk_nope_dim + c.v_dim), c.kv_lora_rank});
  expect(kind, owner, "o_proj", w.o_proj, {c.hidden_size, c.num_heads * c.v_dim});
  expect_bias(kind, owner, "q_a_bias", w.q_a_bias, c.q_lora_rank, c.attention_bias);
  expect_bias(kind, owner, "kv_a_bias", w.kv_a_bias, kv_a_rows, c.attention_bias);
  expect_bias(kind, owner, "o_bias", w.o_bias, c.hidden_size, c.attention_bias);
  if (!w.indexer) return;
  expect(kind, owner, "indexer.wq_b", w.indexer->wq_b,
         {c.index_heads * c.index_dim, c.q_lora_rank});
  expect(kind, owner, "indexer.wk", w.indexer->wk, {c.index_dim, c.hidden_size});
  expect(kind, owner, "indexer.k_norm_weight", w.indexer->k_norm_weight, {c.index_dim});
  expect(kind, owner, "indexer.k_norm_bias", w.indexer->k_norm_bias, {c.index_dim});
  expect(kind, owner, "indexer.weights_proj", w.indexer->weights_proj,
         {c.index_heads, c.hidden_size});
}

void check_dense(const ModelConfig& c, const Kind& kind, const std::string& owner,
                 const DenseMlpWeights& w, std::int64_t intermediate) {
  expect(kind, owner, "gate_up", w.gate_up, {2 * intermediate, c.hidden_size});
  expect(kind, owner, "down", w.down, {c.hidden_size, intermediate});
}

void check_feed_forward(const ModelConfig& c, const Kind& kind, const std::string& owner,
                        const LayerWeights& w, bool is_moe) {
  if (w.dense.has_value() == is_moe || w.moe.has_value() != is_moe) {
    throw InvalidArgument(fmt::format("weights: {}must be {}", owner,
                                      is_moe ? "a mixture of experts" : "a dense MLP"));
  }
  if (!is_moe) return check_dense(c, kind, owner + "dense.", *w.dense, c.dense_intermediate_size);
  const std::int64_t experts = c.num_experts, intermediate = c.expert_intermediate_size;
  expect(kind, owner, "moe.router", w.moe->router, {experts, c.hidden_size});
  expect({DType::f32, kind.queue}, owner, "moe.router_bias", w.moe->router_bias, {experts});
  expect(kind, owner, "moe.gate_up", w.moe->gate_up, {experts, 2 * intermediate, c.hidden_size});
  expect(kind, owner, "moe.down", w.moe->down, {experts, c.hidden_size, intermediate});
  if (w.moe->shared.has_value() != (c.num_shared_experts > 0)) {
    throw InvalidArgument(fmt::format("weights: {}moe.shared must be there for {} shared experts",
                                      owner, c.num_shared_experts));
  }
  if (w.moe->shared) {
    check_dense(c, kind, owner + "moe.shared.", *w.moe->shared,
                intermediate * c.num_shared_experts);
  }
}

}  // namespace

void check_weights_against_config(const ModelConfig& config, const Weights& weights) {
  if (std::ssize(weights.layers) != config.num_layers) {
    throw InvalidArgument(fmt::format("weights: {} layers, the config has {}",
                                      weights.layers.size(), config.num_layers));
  }
  const Kind kind{weights.dtype(), weights.queue()};
  if (kind.dtype != DType::f32 && (kind.dtype != DType::bf16 || kind.queue == nullptr)) {
    throw InvalidArgument(fmt::format("weights: embedding is {}: there are f32, and bf16 on a GPU",
                                      dtype_name(kind.dtype)));
  }
  expect(kind, "", "embedding", weights.embedding, {config.vocab_size, config.hidden_size});
  expect(kind, "", "final_norm", weights.final_norm, {config.hidden_size});
  if (!config.tie_word_embeddings) {
    expect(kind, "", "lm_head", weights.lm_head, {config.vocab_size, config.hidden_size});
  }
  for (std::size_t l = 0; l < weights.layers.size(); ++l) {
    const LayerWeights& layer = weights.layers[l];
    const std::string owner = fmt::format("layer {} ", l);
    expect(kind, owner, "input_norm", layer.input_norm, {config.hidden_size});
    expect(kind, owner, "post_attention_norm", layer.post_attention_norm, {config.hidden_size});
    check_attention(config, kind, owner, layer.attention);
    check_feed_forward(config, kind, owner, layer, config.is_moe[l]);
  }
}

}  // namespace dsabench
