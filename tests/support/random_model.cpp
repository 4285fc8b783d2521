#include "tests/support/random_model.h"

#include <cmath>

namespace dsabench::test {
namespace {

Tensor matrix(Random& random, std::vector<std::int64_t> shape) {
  const double fan_in = static_cast<double>(shape.back());
  return random.normal_tensor(std::move(shape), 1.0 / std::sqrt(fan_in));
}

Tensor norm_weight(Random& random, std::int64_t size) {
  Tensor tensor(DType::f32, {size});
  for (std::int64_t i = 0; i < size; ++i) {
    tensor.data<float>()[i] = static_cast<float>(1.0 + random.normal(0.1));
  }
  return tensor;
}

DenseMlpWeights dense_weights(Random& random, std::int64_t hidden, std::int64_t intermediate) {
  return {matrix(random, {2 * intermediate, hidden}), matrix(random, {hidden, intermediate})};
}

AttentionWeights attention_weights(Random& random, const ModelConfig& c) {
  AttentionWeights w;
  w.q_a_proj = matrix(random, {c.q_lora_rank, c.hidden_size});
  w.q_a_norm = norm_weight(random, c.q_lora_rank);
  w.q_b_proj = matrix(random, {c.num_heads * c.qk_head_dim(), c.q_lora_rank});
  w.kv_a_proj = matrix(random, {c.kv_lora_rank + c.qk_rope_dim, c.hidden_size});
  w.kv_a_norm = norm_weight(random, c.kv_lora_rank);
  w.kv_b_proj = matrix(random, {c.num_heads * (c.qk_nope_dim + c.v_dim), c.kv_lora_rank});
  w.o_proj = matrix(random, {c.hidden_size, c.num_heads * c.v_dim});
  if (c.attention_bias) {
    w.q_a_bias = random.normal_tensor({c.q_lora_rank}, 0.3);
    w.kv_a_bias = random.normal_tensor({c.kv_lora_rank + c.qk_rope_dim}, 0.3);
    w.o_bias = random.normal_tensor({c.hidden_size}, 0.3);
  }
  IndexerWeights& indexer = w.indexer.emplace();
  indexer.wq_b = matrix(random, {c.index_heads * c.index_dim, c.q_lora_rank});
  // Small keys sometimes: the eps of their norm shows only there.
  indexer.wk = random.normal_tensor({c.index_dim, c.hidden_size},
                                    random.integer(0, 1) == 0 ? 0.125 : 0.0003);
  indexer.k_norm_weight = norm_weight(random, c.index_dim);
  indexer.k_norm_bias = random.normal_tensor({c.index_dim}, 0.2);
  indexer.weights_proj = matrix(random, {c.index_heads, c.hidden_size});
  return w;
}

MoeWeights moe_weights(Random& random, const ModelConfig& c) {
  MoeWeights w;
  w.router = matrix(random, {c.num_experts, c.hidden_size});
  w.router_bias = random.normal_tensor({c.num_experts}, 0.1);
  w.gate_up = matrix(random, {c.num_experts, 2 * c.expert_intermediate_size, c.hidden_size});
  w.down = matrix(random, {c.num_experts, c.hidden_size, c.expert_intermediate_size});
  if (c.num_shared_experts > 0) {
    w.shared =
        dense_weights(random, c.hidden_size, c.expert_intermediate_size * c.num_shared_experts);
  }
  return w;
}

void choose_rope(Random& random, ModelConfig& c) {
  c.qk_rope_dim = 2 * random.integer(2, 6);
  c.rope = {.dim = c.qk_rope_dim, .theta = random.choice<double>({1e4, 1e6, 8e6}), .yarn = {}};
  if (random.integer(0, 1) == 0) return;
  ops::YarnScaling& yarn = c.rope.yarn.emplace();
  yarn.factor = random.uniform(2.0, 40.0);
  yarn.original_max_positions = random.choice<std::int64_t>({64, 512, 4096});
  switch (random.integer(0, 2)) {
    case 0:  // as DeepSeek-V3.2: cos and sin unscaled, softmax scaled
      yarn.mscale = yarn.mscale_all_dim = 1.0;
      break;
    case 1:
      yarn.mscale = 1.0;
      yarn.mscale_all_dim = 0.7;
      break;
    default:  // no mscale keys: cos and sin carry the magnitude
      break;
  }
}

void choose_experts(Random& random, ModelConfig& c) {
  c.is_moe.assign(static_cast<std::size_t>(c.num_layers), true);
  for (std::int64_t l = 0; l < random.integer(0, 2); ++l) {
    c.is_moe[static_cast<std::size_t>(l)] = false;
  }
  c.dense_intermediate_size = random.integer(20, 90);
  c.expert_intermediate_size = random.integer(8, 30);
  const bool grouped = random.integer(0, 1) == 1;
  c.expert_groups = grouped ? random.integer(2, 4) : 1;
  c.topk_expert_groups = grouped ? random.integer(1, c.expert_groups) : 1;
  c.num_experts = c.expert_groups * random.integer(grouped ? 2 : 4, 4);
  c.experts_per_token = random.integer(1, c.num_experts / c.expert_groups * c.topk_expert_groups);
  c.num_shared_experts = random.integer(0, 2);
  c.normalize_expert_weights = random.integer(0, 3) != 0;
  c.routed_scaling_factor = random.uniform(0.5, 2.5);
}

}  // namespace

ModelConfig random_config(Random& random, ModelFamily family) {
  ModelConfig c;
  c.family = family;
  c.name = "random model";
  c.hidden_size = random.integer(24, 72);
  c.num_layers = random.integer(3, 6);
  c.vocab_size = random.integer(40, 300);
  c.max_positions = 256;
  c.rms_norm_eps = random.choice<double>({1e-5, 1e-6});
  c.attention_bias = random.integer(0, 2) == 0;
  c.tie_word_embeddings = random.integer(0, 2) == 0;
  c.eos_token_ids = {1};
  c.num_heads = random.integer(1, 5);
  c.q_lora_rank = random.integer(12, 48);
  c.kv_lora_rank = random.integer(12, 48);
  c.qk_nope_dim = random.integer(4, 24);
  c.v_dim = random.integer(4, 24);
  choose_rope(random, c);
  c.index_heads = random.integer(8, 12);  // fewer make exact zeros, and so ties, common
  c.index_dim = random.choice<std::int64_t>({16, 32, 64});
  c.index_top_k = random.integer(5, 20);
  choose_experts(random, c);
  validate(c);
  return c;
}

Weights random_weights(Random& random, const ModelConfig& c) {
  Weights weights;
  weights.embedding = random.normal_tensor({c.vocab_size, c.hidden_size});
  weights.final_norm = norm_weight(random, c.hidden_size);
  if (!c.tie_word_embeddings) weights.lm_head = matrix(random, {c.vocab_size, c.hidden_size});
  for (std::int64_t l = 0; l < c.num_layers; ++l) {
    LayerWeights& layer = weights.layers.emplace_back();
    layer.input_norm = norm_weight(random, c.hidden_size);
    layer.post_attention_norm = norm_weight(random, c.hidden_size);
    layer.attention = attention_weights(random, c);
    if (c.is_moe[static_cast<std::size_t>(l)]) {
      layer.moe = moe_weights(random, c);
    } else {
      layer.dense = dense_weights(random, c.hidden_size, c.dense_intermediate_size);
    }
  }
  return weights;
}

RandomModel random_model(Random& random, ModelFamily family) {
  auto config = std::make_shared<const ModelConfig>(random_config(random, family));
  auto weights = std::make_shared<const Weights>(random_weights(random, *config));
  return {std::move(config), std::move(weights)};
}

LayerPattern random_pattern(Random& random, std::int64_t num_layers) {
  std::string letters(static_cast<std::size_t>(num_layers), 'S');
  letters[0] = 'F';
  for (std::size_t l = 1; l < letters.size(); ++l) letters[l] = random.integer(0, 1) ? 'F' : 'S';
  letters[static_cast<std::size_t>(random.integer(1, num_layers - 1))] = 'S';
  return LayerPattern::from_letters(letters);
}

std::vector<std::int32_t> random_tokens(Random& random, const ModelConfig& config,
                                        std::int64_t count) {
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < count; ++i) {
    tokens.push_back(static_cast<std::int32_t>(random.integer(0, config.vocab_size - 1)));
  }
  return tokens;
}

ModelFamily random_family(Random& random) {
  return random.integer(0, 1) == 0 ? ModelFamily::glm_moe_dsa : ModelFamily::deepseek_v32;
}

}  // namespace dsabench::test
