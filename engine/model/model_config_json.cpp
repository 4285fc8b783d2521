#include <nlohmann/json.hpp>

#include "engine/model/model_config.h"

namespace dsabench {
namespace {

using nlohmann::json;

json rope_json(const ops::RopeParams& rope) {
  json object = {{"rope_theta", rope.theta}, {"rope_type", rope.yarn ? "yarn" : "default"}};
  if (!rope.yarn) return object;
  object["factor"] = rope.yarn->factor;
  object["beta_fast"] = rope.yarn->beta_fast;
  object["beta_slow"] = rope.yarn->beta_slow;
  object["original_max_position_embeddings"] = rope.yarn->original_max_positions;
  if (!rope.yarn->truncate) object["truncate"] = false;
  if (rope.yarn->mscale) object["mscale"] = *rope.yarn->mscale;
  if (rope.yarn->mscale_all_dim) object["mscale_all_dim"] = *rope.yarn->mscale_all_dim;
  if (rope.yarn->attention_factor) object["attention_factor"] = *rope.yarn->attention_factor;
  return object;
}

void add_feed_forward(const ModelConfig& config, json& object) {
  json types = json::array();
  for (const bool moe : config.is_moe) types.push_back(moe ? "sparse" : "dense");
  object["mlp_layer_types"] = std::move(types);
  // A size of 0 stands for one that no layer needs.
  if (config.dense_intermediate_size > 0) {
    object["intermediate_size"] = config.dense_intermediate_size;
  }
  if (config.num_experts == 0) return;
  object["moe_intermediate_size"] = config.expert_intermediate_size;
  object["n_routed_experts"] = config.num_experts;
  object["num_experts_per_tok"] = config.experts_per_token;
  object["n_shared_experts"] = config.num_shared_experts;
  object["n_group"] = config.expert_groups;
  object["topk_group"] = config.topk_expert_groups;
  object["norm_topk_prob"] = config.normalize_expert_weights;
  object["routed_scaling_factor"] = config.routed_scaling_factor;
}

void add_pattern_keys(const PatternKeys& keys, json& object) {
  if (keys.indexer_types) {
    json types = json::array();
    for (const char letter : *keys.indexer_types)
      types.push_back(letter == 'F' ? "full" : "shared");
    object["indexer_types"] = std::move(types);
  }
  if (keys.pattern) object["index_topk_pattern"] = *keys.pattern;
  if (keys.freq) object["index_topk_freq"] = *keys.freq;
  if (keys.skip_offset) object["index_skip_topk_offset"] = *keys.skip_offset;
}

}  // namespace

std::string to_json(const ModelConfig& config) {
  json object = {
      {"model_type", model_family_name(config.family)},
      {"hidden_size", config.hidden_size},
      {"num_hidden_layers", config.num_layers},
      {"vocab_size", config.vocab_size},
      {"max_position_embeddings", config.max_positions},
      {"rms_norm_eps", config.rms_norm_eps},
      {"attention_bias", config.attention_bias},
      {"tie_word_embeddings", config.tie_word_embeddings},
      {"eos_token_id", config.eos_token_ids},
      {"num_attention_heads", config.num_heads},
      {"q_lora_rank", config.q_lora_rank},
      {"kv_lora_rank", config.kv_lora_rank},
      {"qk_nope_head_dim", config.qk_nope_dim},
      {"qk_rope_head_dim", config.qk_rope_dim},
      {"v_head_dim", config.v_dim},
      {"rope_parameters", rope_json(config.rope)},
      {"index_n_heads", config.index_heads},
      {"index_head_dim", config.index_dim},
      {"index_topk", config.index_top_k},
      {"num_nextn_predict_layers", config.num_mtp_layers},
  };
  if (config.indexer_rope_interleave) {
    object["indexer_rope_interleave"] = *config.indexer_rope_interleave;
  }
  add_feed_forward(config, object);
  add_pattern_keys(config.pattern_keys, object);
  // The block belongs to the files, not to the model: named only where it is not the usual one.
  if (config.fp8_block_rows != 128 || config.fp8_block_columns != 128) {
    object["quantization_config"] = {
        {"quant_method", "fp8"},
        {"weight_block_size", {config.fp8_block_rows, config.fp8_block_columns}}};
  }
  return object.dump();
}

}  // namespace dsabench
