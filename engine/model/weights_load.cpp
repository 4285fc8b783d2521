#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "engine/model/tensor_source.h"
#include "engine/model/weight_placement.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

void require_mlp(TensorSource& source, const std::string& prefix, std::int64_t intermediate,
                 std::int64_t hidden) {
  source.require(prefix + "gate_proj.weight", {intermediate, hidden});
  source.require(prefix + "up_proj.weight", {intermediate, hidden});
  source.require(prefix + "down_proj.weight", {hidden, intermediate});
}

/// Gate and up projection stacked: gate rows first.
void take_gate_up(TensorSource& source, const std::string& prefix, std::int64_t intermediate,
                  std::int64_t hidden, float* destination) {
  source.take_into(prefix + "gate_proj.weight", {intermediate, hidden}, destination);
  source.take_into(prefix + "up_proj.weight", {intermediate, hidden},
                   destination + intermediate * hidden);
}

DenseMlpWeights load_dense_mlp(TensorSource& source, const std::string& prefix,
                               std::int64_t intermediate, std::int64_t hidden) {
  require_mlp(source, prefix, intermediate, hidden);
  DenseMlpWeights mlp;
  mlp.gate_up = Tensor(DType::f32, {2 * intermediate, hidden});
  take_gate_up(source, prefix, intermediate, hidden, mlp.gate_up.data<float>());
  mlp.down = source.take(prefix + "down_proj.weight", {hidden, intermediate});
  return mlp;
}

/// Experts as transformers holds them in memory (fused) or as it writes them (one by one).
void load_experts(TensorSource& source, const ModelConfig& c, const std::string& prefix,
                  MoeWeights& moe) {
  const std::int64_t experts = c.num_experts, inner = c.expert_intermediate_size;
  const std::int64_t hidden = c.hidden_size;
  if (source.contains(prefix + "gate_up_proj")) {
    moe.gate_up = source.take(prefix + "gate_up_proj", {experts, 2 * inner, hidden});
    moe.down = source.take(prefix + "down_proj", {experts, hidden, inner});
    return;
  }
  for (std::int64_t e = 0; e < experts; ++e) {
    require_mlp(source, fmt::format("{}{}.", prefix, e), inner, hidden);
  }
  moe.gate_up = Tensor(DType::f32, {experts, 2 * inner, hidden});
  moe.down = Tensor(DType::f32, {experts, hidden, inner});
  for (std::int64_t e = 0; e < experts; ++e) {
    const std::string expert = fmt::format("{}{}.", prefix, e);
    take_gate_up(source, expert, inner, hidden, moe.gate_up.data<float>() + e * 2 * inner * hidden);
    source.take_into(expert + "down_proj.weight", {hidden, inner},
                     moe.down.data<float>() + e * hidden * inner);
  }
}

MoeWeights load_moe(TensorSource& source, const ModelConfig& c, const std::string& prefix) {
  MoeWeights moe;
  moe.router = source.take(prefix + "gate.weight", {c.num_experts, c.hidden_size});
  moe.router_bias = source.take(prefix + "gate.e_score_correction_bias", {c.num_experts});
  load_experts(source, c, prefix + "experts.", moe);
  if (c.num_shared_experts > 0) {
    moe.shared = load_dense_mlp(source, prefix + "shared_experts.",
                                c.num_shared_experts * c.expert_intermediate_size, c.hidden_size);
  }
  return moe;
}

/// All of a layer's indexer or, where the checkpoint shares indices, none of it.
std::optional<IndexerWeights> load_indexer(TensorSource& source, const ModelConfig& c,
                                           const std::string& prefix) {
  bool any = false;
  for (const char* name :
       {"wq_b.weight", "wk.weight", "k_norm.weight", "k_norm.bias", "weights_proj.weight"}) {
    any = any || source.contains(prefix + name);
  }
  if (!any) return std::nullopt;
  IndexerWeights indexer;
  indexer.wq_b = source.take(prefix + "wq_b.weight", {c.index_heads * c.index_dim, c.q_lora_rank});
  indexer.wk = source.take(prefix + "wk.weight", {c.index_dim, c.hidden_size});
  indexer.k_norm_weight = source.take(prefix + "k_norm.weight", {c.index_dim});
  indexer.k_norm_bias = source.take(prefix + "k_norm.bias", {c.index_dim});
  indexer.weights_proj =
      source.take(prefix + "weights_proj.weight", {c.index_heads, c.hidden_size});
  return indexer;
}

AttentionWeights load_attention(TensorSource& source, const ModelConfig& c,
                                const std::string& prefix) {
  const std::int64_t hidden = c.hidden_size, latent = c.kv_lora_rank + c.qk_rope_dim;
  AttentionWeights w;
  w.q_a_proj = source.take(prefix + "q_a_proj.weight", {c.q_lora_rank, hidden});
  w.q_a_norm = source.take(prefix + "q_a_layernorm.weight", {c.q_lora_rank});
  w.q_b_proj =
      source.take(prefix + "q_b_proj.weight", {c.num_heads * c.qk_head_dim(), c.q_lora_rank});
  w.kv_a_proj = source.take(prefix + "kv_a_proj_with_mqa.weight", {latent, hidden});
  w.kv_a_norm = source.take(prefix + "kv_a_layernorm.weight", {c.kv_lora_rank});
  w.kv_b_proj = source.take(prefix + "kv_b_proj.weight",
                            {c.num_heads * (c.qk_nope_dim + c.v_dim), c.kv_lora_rank});
  w.o_proj = source.take(prefix + "o_proj.weight", {hidden, c.num_heads * c.v_dim});
  if (c.attention_bias) {
    w.q_a_bias = source.take(prefix + "q_a_proj.bias", {c.q_lora_rank});
    w.kv_a_bias = source.take(prefix + "kv_a_proj_with_mqa.bias", {latent});
    w.o_bias = source.take(prefix + "o_proj.bias", {hidden});
  }
  w.indexer = load_indexer(source, c, prefix + "indexer.");
  return w;
}

LayerWeights load_layer(TensorSource& source, const ModelConfig& c, std::int64_t index) {
  const std::string prefix = fmt::format("model.layers.{}.", index);
  LayerWeights layer;
  layer.input_norm = source.take(prefix + "input_layernorm.weight", {c.hidden_size});
  layer.post_attention_norm =
      source.take(prefix + "post_attention_layernorm.weight", {c.hidden_size});
  layer.attention = load_attention(source, c, prefix + "self_attn.");
  if (c.is_moe[std::size_t(index)]) {
    layer.moe = load_moe(source, c, prefix + "mlp.");
  } else {
    layer.dense = load_dense_mlp(source, prefix + "mlp.", c.dense_intermediate_size, c.hidden_size);
  }
  return layer;
}

/// "1-3, 5" for {1, 2, 3, 5}.
std::string ranges(const std::vector<std::int64_t>& layers) {
  std::string text;
  for (std::size_t i = 0; i < layers.size();) {
    std::size_t last = i;
    while (last + 1 < layers.size() && layers[last + 1] == layers[last] + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", layers[i]);
    if (last > i) text += fmt::format("-{}", layers[last]);
    i = last + 1;
  }
  return text;
}

/// The layer number in "model.layers.<n>.", or -1.
std::int64_t layer_of(const std::string& name) {
  constexpr std::string_view prefix = "model.layers.";
  if (!name.starts_with(prefix)) return -1;
  std::int64_t layer = -1;
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + prefix.size(), end, layer);
  return error == std::errc{} && rest != end && *rest == '.' ? layer : -1;
}

void add_notices(const TensorSource& source, const ModelConfig& config, Weights& weights) {
  std::vector<std::int64_t> without;
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    if (!weights.layers[std::size_t(i)].attention.indexer) without.push_back(i);
  }
  if (!without.empty()) {
    weights.notices.push_back(fmt::format("indexer absent on layers {}", ranges(without)));
  }
  std::int64_t beyond = 0;
  std::vector<std::string> unknown;
  for (std::string& name : source.unused()) {
    if (layer_of(name) >= config.num_layers) {
      ++beyond;
    } else {
      unknown.push_back(std::move(name));
    }
  }
  if (beyond > 0) {
    weights.notices.push_back(
        fmt::format("{} from layer {} on ignored: {} tensors",
                    config.num_mtp_layers > 0 ? "multi-token prediction layers" : "layers",
                    config.num_layers, beyond));
  }
  if (!unknown.empty()) {
    weights.notices.push_back(
        fmt::format("{} tensors not used, the first: {}", unknown.size(), unknown.front()));
  }
}

}  // namespace

Weights load_weights(const ModelConfig& config, const std::string& directory) {
  return load_weights(config, directory, {});
}

Weights load_weights(const ModelConfig& config, const std::string& directory,
                     const WeightPlacement& placement) {
  validate(config);
  check_placement(placement);
  return load_weights(config, CheckpointFiles::open(directory), placement);
}

Weights load_weights(const ModelConfig& config, CheckpointFiles files,
                     const WeightPlacement& placement) {
  validate(config);
  check_placement(placement);
  const std::string directory = files.directory();
  TensorSource source(std::move(files), config.fp8_block_rows, config.fp8_block_columns);
  Weights weights;
  const std::vector<std::int64_t> vocab_shape{config.vocab_size, config.hidden_size};
  weights.embedding = placed(source.take("model.embed_tokens.weight", vocab_shape), placement);
  weights.final_norm = placed(source.take("model.norm.weight", {config.hidden_size}), placement);
  if (!config.tie_word_embeddings) {
    weights.lm_head = placed(source.take("lm_head.weight", vocab_shape), placement);
  }
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    weights.layers.push_back(load_layer(source, config, layer));
    if (layer == 0 && !weights.layers[0].attention.indexer) {
      throw InvalidArgument(
          fmt::format("{}: layer 0 has nothing to reuse and must have an indexer; missing: "
                      "model.layers.0.self_attn.indexer.*",
                      directory));
    }
    place(weights.layers.back(), placement);
  }
  add_notices(source, config, weights);
  weights.not_finite = source.not_finite();
  weights.content_id = source.content_id();
  return weights;
}

}  // namespace dsabench
