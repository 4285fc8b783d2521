#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "engine/model/config_reader.h"
#include "engine/model/model_config.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// Layers are held as vectors; the largest published model has 78.
constexpr std::int64_t kMaxLayers = 1 << 14;

class Validator {
 public:
  explicit Validator(const ModelConfig& config) : config_(config) {}

  template <class T>
  void require(bool holds, std::string_view field, std::string_view expected, const T& found) {
    if (!holds) {
      throw InvalidArgument(
          fmt::format("{}: {} must be {}, got {}", config_.name, field, expected, found));
    }
  }
  void size(std::string_view field, std::int64_t value, std::int64_t min = 1) {
    if (value < min || value > kMaxConfigSize) {
      require(false, field, fmt::format("an integer from {} to {}", min, kMaxConfigSize), value);
    }
  }
  void positive(std::string_view field, double value) {
    require(std::isfinite(value) && value > 0.0, field, "positive and finite", value);
  }

 private:
  const ModelConfig& config_;
};

void validate_attention(const ModelConfig& c, Validator& check) {
  check.size("num_attention_heads", c.num_heads);
  check.size("q_lora_rank", c.q_lora_rank);
  check.size("kv_lora_rank", c.kv_lora_rank);
  check.size("qk_nope_head_dim", c.qk_nope_dim);
  check.size("qk_rope_head_dim", c.qk_rope_dim);
  check.require(c.qk_rope_dim % 2 == 0, "qk_rope_head_dim", "even", c.qk_rope_dim);
  check.size("v_head_dim", c.v_dim);
  check.size("index_n_heads", c.index_heads);
  check.size("index_head_dim", c.index_dim);
  check.size("index_topk", c.index_top_k);
  check.require(c.index_dim >= c.qk_rope_dim, "index_head_dim",
                "at least qk_rope_head_dim, whose rotation it takes", c.index_dim);
}

void validate_rope(const ModelConfig& c, Validator& check) {
  check.require(c.rope.dim == c.qk_rope_dim, "rope.dim", "qk_rope_head_dim", c.rope.dim);
  check.positive("rope_theta", c.rope.theta);
  // YaRN's ramp divides by ln(theta).
  check.require(c.rope.theta > 1.0, "rope_theta", "more than 1", c.rope.theta);
  if (!c.rope.yarn) return;
  const ops::YarnScaling& yarn = *c.rope.yarn;
  check.require(std::isfinite(yarn.factor) && yarn.factor >= 1.0, "rope_parameters.factor",
                "at least 1", yarn.factor);
  check.positive("rope_parameters.beta_fast", yarn.beta_fast);
  check.positive("rope_parameters.beta_slow", yarn.beta_slow);
  check.size("rope_parameters.original_max_position_embeddings", yarn.original_max_positions);
  if (yarn.mscale) check.positive("rope_parameters.mscale", *yarn.mscale);
  if (yarn.mscale_all_dim) check.positive("rope_parameters.mscale_all_dim", *yarn.mscale_all_dim);
  if (yarn.attention_factor) {
    check.positive("rope_parameters.attention_factor", *yarn.attention_factor);
  }
}

void validate_experts(const ModelConfig& c, Validator& check) {
  check.size("moe_intermediate_size", c.expert_intermediate_size);
  check.size("n_routed_experts", c.num_experts);
  check.size("n_shared_experts", c.num_shared_experts, 0);
  check.size("moe_intermediate_size x n_shared_experts",
             c.expert_intermediate_size * c.num_shared_experts, 0);
  check.size("num_experts_per_tok", c.experts_per_token);
  check.size("n_group", c.expert_groups);
  check.size("topk_group", c.topk_expert_groups);
  check.require(c.num_experts % c.expert_groups == 0, "n_group", "a divisor of n_routed_experts",
                c.expert_groups);
  check.require(c.topk_expert_groups <= c.expert_groups, "topk_group", "at most n_group",
                c.topk_expert_groups);
  const std::int64_t group_size = c.num_experts / c.expert_groups;
  check.require(c.expert_groups == 1 || group_size >= 2, "n_group",
                "so few that a group has the two experts that its score adds up", c.expert_groups);
  check.require(c.experts_per_token <= group_size * c.topk_expert_groups, "num_experts_per_tok",
                "at most the experts of topk_group groups", c.experts_per_token);
  check.positive("routed_scaling_factor", c.routed_scaling_factor);
}

void validate_letters(const ModelConfig& c, std::string_view field, const std::string& letters,
                      Validator& check) {
  check.require(letters.find_first_not_of("FS") == std::string::npos, field, "letters F and S",
                letters);
  check.require(letters.starts_with('F'), field,
                "led by a full layer: the first has nothing to reuse", letters);
  check.require(std::int64_t(letters.size()) <= c.num_layers, field,
                fmt::format("no longer than num_hidden_layers {}", c.num_layers), letters.size());
}

void validate_pattern_keys(const ModelConfig& c, Validator& check) {
  const PatternKeys& keys = c.pattern_keys;
  if (keys.indexer_types) {
    validate_letters(c, "indexer_types", *keys.indexer_types, check);
    check.require(std::int64_t(keys.indexer_types->size()) == c.num_layers, "indexer_types",
                  fmt::format("of length num_hidden_layers {}", c.num_layers),
                  keys.indexer_types->size());
  }
  if (keys.pattern) validate_letters(c, "index_topk_pattern", *keys.pattern, check);
  if (keys.freq) check.size("index_topk_freq", *keys.freq);
  if (keys.skip_offset) check.size("index_skip_topk_offset", *keys.skip_offset, 0);
}

}  // namespace

void validate(const ModelConfig& c) {
  Validator check(c);
  check.size("hidden_size", c.hidden_size);
  check.size("num_hidden_layers", c.num_layers);
  check.require(c.num_layers <= kMaxLayers, "num_hidden_layers",
                fmt::format("at most {}", kMaxLayers), c.num_layers);
  check.size("vocab_size", c.vocab_size);
  check.size("max_position_embeddings", c.max_positions);
  check.positive("rms_norm_eps", c.rms_norm_eps);
  for (const std::int64_t token : c.eos_token_ids) {
    check.require(token >= 0 && token < c.vocab_size, "eos_token_id", "inside the vocabulary",
                  token);
  }
  validate_attention(c, check);
  validate_rope(c, check);

  check.require(std::int64_t(c.is_moe.size()) == c.num_layers, "mlp_layer_types",
                fmt::format("of length num_hidden_layers {}", c.num_layers), c.is_moe.size());
  bool any_dense = false, any_moe = false;
  for (const bool moe : c.is_moe) (moe ? any_moe : any_dense) = true;
  if (any_dense) check.size("intermediate_size", c.dense_intermediate_size);
  if (any_moe) validate_experts(c, check);

  check.size("num_nextn_predict_layers", c.num_mtp_layers, 0);
  check.size("quantization_config.weight_block_size", c.fp8_block_rows);
  check.size("quantization_config.weight_block_size", c.fp8_block_columns);
  validate_pattern_keys(c, check);
  static_cast<void>(c.num_parameters());  // throws where the sizes together are impossible
}

}  // namespace dsabench
