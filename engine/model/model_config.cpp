#include "engine/model/model_config.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "engine/model/strict_json.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// Sum of products that throws where 64 bits do not hold it: sizes come from foreign files.
class ParameterCount {
 public:
  explicit ParameterCount(const std::string& model) : model_(model) {}

  void add(std::initializer_list<std::int64_t> factors) {
    std::int64_t product = 1;
    bool fits = true;
    for (const std::int64_t factor : factors) {
      fits = fits && !__builtin_mul_overflow(product, factor, &product);
    }
    if (!fits || __builtin_add_overflow(total_, product, &total_)) {
      throw InvalidArgument(fmt::format("{}: sizes give more than 2^63 parameters", model_));
    }
  }
  std::int64_t total() const { return total_; }

 private:
  const std::string& model_;
  std::int64_t total_ = 0;
};

void add_attention(const ModelConfig& c, ParameterCount& count) {
  const std::int64_t layers = c.num_layers;
  count.add({layers, 2, c.hidden_size});  // the layer's two norms
  count.add({layers, c.q_lora_rank, c.hidden_size});
  count.add({layers, c.q_lora_rank});
  count.add({layers, c.num_heads, c.qk_head_dim(), c.q_lora_rank});
  count.add({layers, c.kv_lora_rank + c.qk_rope_dim, c.hidden_size});
  count.add({layers, c.kv_lora_rank});
  count.add({layers, c.num_heads, c.qk_nope_dim + c.v_dim, c.kv_lora_rank});
  count.add({layers, c.hidden_size, c.num_heads, c.v_dim});
  if (c.attention_bias) {
    count.add({layers, c.q_lora_rank + c.kv_lora_rank + c.qk_rope_dim + c.hidden_size});
  }
  count.add({layers, c.index_heads, c.index_dim, c.q_lora_rank});
  count.add({layers, c.index_dim, c.hidden_size});
  count.add({layers, 2, c.index_dim});
  count.add({layers, c.index_heads, c.hidden_size});
}

void add_feed_forward(const ModelConfig& c, ParameterCount& count) {
  std::int64_t moe_layers = 0;
  for (const bool moe : c.is_moe) moe_layers += moe ? 1 : 0;
  count.add({c.num_layers - moe_layers, 3, c.hidden_size, c.dense_intermediate_size});
  count.add({moe_layers, c.num_experts, c.hidden_size + 1});  // router and its bias
  count.add({moe_layers, c.num_experts + c.num_shared_experts, 3, c.hidden_size,
             c.expert_intermediate_size});
}

}  // namespace

const char* model_family_name(ModelFamily family) {
  return family == ModelFamily::glm_moe_dsa ? "glm_moe_dsa" : "deepseek_v32";
}

double ModelConfig::softmax_scale() const {
  return ops::rope_softmax_factor(rope) / std::sqrt(static_cast<double>(qk_head_dim()));
}

std::int64_t ModelConfig::num_parameters() const {
  ParameterCount count(name);
  count.add({tie_word_embeddings ? 1 : 2, vocab_size, hidden_size});
  count.add({hidden_size});
  add_attention(*this, count);
  add_feed_forward(*this, count);
  return count.total();
}

ModelConfig load_model_config(const std::string& path) {
  constexpr std::int64_t kLargestConfig = std::int64_t{16} << 20;
  return parse_model_config(read_text_file(path, kLargestConfig), path);
}

}  // namespace dsabench
