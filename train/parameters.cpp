#include "train/parameters.h"

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "kernels/base/error.h"

namespace dsabench::train {
namespace {

template <class Action>
void for_each_of_layer(LayerParameters& layer, Action action) {
  using Kind = ParameterKind;
  action("input_layernorm.weight", layer.input_norm, Kind::model);
  action("post_attention_layernorm.weight", layer.post_attention_norm, Kind::model);
  action("self_attn.q_a_proj.weight", layer.q_a_proj, Kind::model);
  action("self_attn.q_a_proj.bias", layer.q_a_bias, Kind::model);
  action("self_attn.q_a_layernorm.weight", layer.q_a_norm, Kind::model);
  action("self_attn.q_b_proj.weight", layer.q_b_proj, Kind::model);
  action("self_attn.kv_a_proj_with_mqa.weight", layer.kv_a_proj, Kind::model);
  action("self_attn.kv_a_proj_with_mqa.bias", layer.kv_a_bias, Kind::model);
  action("self_attn.kv_a_layernorm.weight", layer.kv_a_norm, Kind::model);
  action("self_attn.kv_b_proj.weight", layer.kv_b_proj, Kind::model);
  action("self_attn.o_proj.weight", layer.o_proj, Kind::model);
  action("self_attn.o_proj.bias", layer.o_bias, Kind::model);
  if (layer.indexer) {
    action("self_attn.indexer.wq_b.weight", layer.indexer->wq_b, Kind::indexer);
    action("self_attn.indexer.wk.weight", layer.indexer->wk, Kind::indexer);
    action("self_attn.indexer.k_norm.weight", layer.indexer->k_norm_weight, Kind::indexer);
    action("self_attn.indexer.k_norm.bias", layer.indexer->k_norm_bias, Kind::indexer);
    action("self_attn.indexer.weights_proj.weight", layer.indexer->weights_proj, Kind::indexer);
  }
  const std::string mlp = layer.router.defined() ? "mlp.shared_experts." : "mlp.";
  action(mlp + "gate_up_proj.weight", layer.gate_up, Kind::model);
  action(mlp + "down_proj.weight", layer.down, Kind::model);
  action("mlp.gate.weight", layer.router, Kind::model);
  action("mlp.gate.e_score_correction_bias", layer.router_bias, Kind::router_bias);
  action("mlp.experts.gate_up_proj", layer.expert_gate_up, Kind::model);
  action("mlp.experts.down_proj", layer.expert_down, Kind::model);
}

/// Calls action(name, tensor, kind, layer) on every tensor, undefined ones included.
template <class Action>
void for_each(Parameters& parameters, Action action) {
  constexpr std::int64_t kNoLayer = -1;
  const auto model = ParameterKind::model;
  action(std::string("model.embed_tokens.weight"), parameters.embedding, model, kNoLayer);
  for (std::size_t l = 0; l < parameters.layers.size(); ++l) {
    for_each_of_layer(parameters.layers[l],
                      [&](const std::string& name, at::Tensor& tensor, ParameterKind kind) {
                        action(fmt::format("model.layers.{}.{}", l, name), tensor, kind,
                               static_cast<std::int64_t>(l));
                      });
  }
  action(std::string("model.norm.weight"), parameters.final_norm, model, kNoLayer);
  action(std::string("lm_head.weight"), parameters.lm_head, model, kNoLayer);
}

at::Tensor copied(const Tensor& tensor) {
  if (tensor.empty()) return {};
  const at::IntArrayRef shape(tensor.shape().data(), tensor.shape().size());
  at::Tensor copy = at::empty(shape, at::kFloat);
  std::memcpy(copy.data_ptr<float>(), tensor.data<float>(), std::size_t(tensor.bytes()));
  return copy;
}

LayerParameters copied(const LayerWeights& from) {
  LayerParameters to;
  const AttentionWeights& a = from.attention;
  to.input_norm = copied(from.input_norm);
  to.post_attention_norm = copied(from.post_attention_norm);
  to.q_a_proj = copied(a.q_a_proj);
  to.q_a_bias = copied(a.q_a_bias);
  to.q_a_norm = copied(a.q_a_norm);
  to.q_b_proj = copied(a.q_b_proj);
  to.kv_a_proj = copied(a.kv_a_proj);
  to.kv_a_bias = copied(a.kv_a_bias);
  to.kv_a_norm = copied(a.kv_a_norm);
  to.kv_b_proj = copied(a.kv_b_proj);
  to.o_proj = copied(a.o_proj);
  to.o_bias = copied(a.o_bias);
  if (a.indexer) {
    to.indexer = {copied(a.indexer->wq_b), copied(a.indexer->wk), copied(a.indexer->k_norm_weight),
                  copied(a.indexer->k_norm_bias), copied(a.indexer->weights_proj)};
  }
  const auto& dense = from.dense ? from.dense : from.moe->shared;
  if (dense) {
    to.gate_up = copied(dense->gate_up);
    to.down = copied(dense->down);
  }
  if (from.moe) {
    to.router = copied(from.moe->router);
    to.router_bias = copied(from.moe->router_bias);
    to.expert_gate_up = copied(from.moe->gate_up);
    to.expert_down = copied(from.moe->down);
  }
  return to;
}

/// Draws tensors one after another from one generator.
class Initializer {
 public:
  Initializer(const ModelConfig& config, std::uint64_t seed)
      : config_(config),
        generator_(at::make_generator<at::CPUGeneratorImpl>(seed)),
        residual_(1.0 / std::sqrt(2.0 * double(config.num_layers))) {}

  at::Tensor normal(at::IntArrayRef shape, double sigma) {
    return at::empty(shape, at::kFloat).normal_(0.0, sigma, generator_);
  }
  at::Tensor matrix(at::IntArrayRef shape, double gain = 1.0) {
    return normal(shape, gain / std::sqrt(double(shape.back())));
  }

  LayerParameters layer(std::int64_t number) {
    LayerParameters layer;
    attention(layer);
    indexer(layer.indexer.emplace());
    const auto& c = config_;
    const bool moe = c.is_moe[std::size_t(number)];
    const std::int64_t width =
        moe ? c.num_shared_experts * c.expert_intermediate_size : c.dense_intermediate_size;
    if (width > 0) {
      layer.gate_up = matrix({2 * width, c.hidden_size});
      layer.down = matrix({c.hidden_size, width}, residual_);
    }
    if (!moe) return layer;
    layer.router = matrix({c.num_experts, c.hidden_size});
    layer.router_bias = at::zeros({c.num_experts});
    layer.expert_gate_up = matrix({c.num_experts, 2 * c.expert_intermediate_size, c.hidden_size});
    layer.expert_down =
        matrix({c.num_experts, c.hidden_size, c.expert_intermediate_size}, residual_);
    return layer;
  }

 private:
  void attention(LayerParameters& layer) {
    const auto& c = config_;
    layer.input_norm = at::ones({c.hidden_size});
    layer.post_attention_norm = at::ones({c.hidden_size});
    layer.q_a_proj = matrix({c.q_lora_rank, c.hidden_size});
    layer.q_a_norm = at::ones({c.q_lora_rank});
    layer.q_b_proj = matrix({c.num_heads * c.qk_head_dim(), c.q_lora_rank});
    layer.kv_a_proj = matrix({c.kv_lora_rank + c.qk_rope_dim, c.hidden_size});
    layer.kv_a_norm = at::ones({c.kv_lora_rank});
    layer.kv_b_proj = matrix({c.num_heads * (c.qk_nope_dim + c.v_dim), c.kv_lora_rank});
    layer.o_proj = matrix({c.hidden_size, c.num_heads * c.v_dim}, residual_);
    if (!c.attention_bias) return;
    layer.q_a_bias = at::zeros({c.q_lora_rank});
    layer.kv_a_bias = at::zeros({c.kv_lora_rank + c.qk_rope_dim});
    layer.o_bias = at::zeros({c.hidden_size});
  }

  void indexer(IndexerParameters& indexer) {
    const auto& c = config_;
    indexer.wq_b = matrix({c.index_heads * c.index_dim, c.q_lora_rank});
    indexer.wk = matrix({c.index_dim, c.hidden_size});
    indexer.k_norm_weight = at::ones({c.index_dim});
    indexer.k_norm_bias = at::zeros({c.index_dim});
    indexer.weights_proj = matrix({c.index_heads, c.hidden_size});
  }

  const ModelConfig& config_;
  at::Generator generator_;
  double residual_;
};

Parameters moved(Parameters parameters, const at::Device& device) {
  for_each(parameters, [&](const std::string&, at::Tensor& tensor, ParameterKind, std::int64_t) {
    if (tensor.defined()) tensor = tensor.to(device);
  });
  return parameters;
}

}  // namespace

std::vector<NamedParameter> Parameters::named() const {
  std::vector<NamedParameter> all;
  Parameters handles = *this;  // tensors are handles: the copies are the same tensors
  for_each(handles, [&](const std::string& name, at::Tensor& tensor, ParameterKind kind,
                        std::int64_t layer) {
    if (tensor.defined()) all.push_back({name, tensor, kind, layer});
  });
  return all;
}

std::int64_t Parameters::count() const {
  std::int64_t count = 0;
  for (const NamedParameter& parameter : named()) count += parameter.tensor.numel();
  return count;
}

Parameters copy_parameters(const Weights& weights, const at::Device& device) {
  if (weights.queue() != nullptr) throw InvalidArgument("training: weights must lie on the host");
  Parameters parameters;
  parameters.embedding = copied(weights.embedding);
  parameters.final_norm = copied(weights.final_norm);
  parameters.lm_head = copied(weights.lm_head);
  for (const LayerWeights& layer : weights.layers) parameters.layers.push_back(copied(layer));
  return moved(std::move(parameters), device);
}

Parameters random_parameters(const ModelConfig& config, std::uint64_t seed,
                             const at::Device& device) {
  Initializer initializer(config, seed);
  Parameters parameters;
  const double sigma = config.tie_word_embeddings ? 1.0 / std::sqrt(double(config.hidden_size)) : 1;
  parameters.embedding = initializer.normal({config.vocab_size, config.hidden_size}, sigma);
  parameters.final_norm = at::ones({config.hidden_size});
  if (!config.tie_word_embeddings) {
    parameters.lm_head = initializer.matrix({config.vocab_size, config.hidden_size});
  }
  for (std::int64_t l = 0; l < config.num_layers; ++l) {
    parameters.layers.push_back(initializer.layer(l));
  }
  return moved(std::move(parameters), device);
}

}  // namespace dsabench::train
