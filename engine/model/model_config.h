#pragma once
/// The sizes and constants of one model, read from a Hugging Face config.json.
///
/// Goals: every field that changes a result is here, validated, and nothing is defaulted silently:
/// a default that the model family itself defines is applied by the parser and documented there.
/// Non-goals: the F/S pattern (LayerPattern), numerics that are a matter of policy (EngineOptions).
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/ops/rope.h"

namespace dsabench {

enum class ModelFamily { glm_moe_dsa, deepseek_v32 };
const char* model_family_name(ModelFamily family);

/// What the config says about which layers run their indexer; turned into a LayerPattern under a
/// dialect. A field is empty where the config has no such key or has null.
struct PatternKeys {
  std::optional<std::string> indexer_types;  ///< the list "full"/"shared" as F/S letters
  std::optional<std::string> pattern;        ///< index_topk_pattern (string or list) as F/S letters
  std::optional<std::int64_t> freq;          ///< index_topk_freq; empty (absent, null) means 1
  std::optional<std::int64_t> skip_offset;   ///< index_skip_topk_offset
};

struct ModelConfig {
  ModelFamily family = ModelFamily::glm_moe_dsa;
  std::string name;  ///< for messages and tables: the folder's or preset's name

  std::int64_t hidden_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t vocab_size = 0;
  std::int64_t max_positions = 0;
  double rms_norm_eps = 1e-6;
  bool attention_bias = false;  ///< biases on q_a_proj, kv_a_proj_with_mqa and o_proj
  bool tie_word_embeddings = false;
  std::vector<std::int64_t> eos_token_ids;

  // Multi-head latent attention.
  std::int64_t num_heads = 0;
  std::int64_t q_lora_rank = 0;
  std::int64_t kv_lora_rank = 0;
  std::int64_t qk_nope_dim = 0;
  std::int64_t qk_rope_dim = 0;
  std::int64_t v_dim = 0;
  ops::RopeParams rope;

  // Lightning indexer.
  std::int64_t index_heads = 0;
  std::int64_t index_dim = 0;
  std::int64_t index_top_k = 0;
  /// indexer_rope_interleave, where the config has it.
  std::optional<bool> indexer_rope_interleave;

  // Feed-forward: layer l is a mixture of experts where is_moe[l], else dense.
  std::vector<bool> is_moe;
  std::int64_t dense_intermediate_size = 0;
  std::int64_t expert_intermediate_size = 0;
  std::int64_t num_experts = 0;
  std::int64_t experts_per_token = 0;
  std::int64_t num_shared_experts = 0;
  std::int64_t expert_groups = 1;
  std::int64_t topk_expert_groups = 1;
  bool normalize_expert_weights = true;
  double routed_scaling_factor = 1.0;

  /// Block of one scale of an FP8 weight: quantization_config.weight_block_size, or 128 x 128.
  std::int64_t fp8_block_rows = 128;
  std::int64_t fp8_block_columns = 128;

  std::int64_t num_mtp_layers = 0;  ///< num_nextn_predict_layers: present in files, never run
  PatternKeys pattern_keys;
  /// Parser's remarks for the user: ignored or overridden keys.
  std::vector<std::string> notices;

  std::int64_t qk_head_dim() const { return qk_nope_dim + qk_rope_dim; }
  /// (qk_nope + qk_rope)^-0.5, times YaRN's factor where it sets mscale_all_dim.
  double softmax_scale() const;
  /// Number of parameters that a checkpoint of this model holds without MTP layers, every indexer
  /// counted.
  std::int64_t num_parameters() const;
};

/// Parses config.json text. `origin` names the file in messages. Accepts the old and the new key
/// style (rope_theta/rope_scaling or rope_parameters; torch_dtype or dtype; n_routed_experts,
/// num_experts or num_local_experts; first_k_dense_replace or mlp_layer_types). Throws ParseError
/// for malformed JSON (with the byte offset), and InvalidArgument naming file, field and value for
/// a missing, mistyped, impossible (zero, negative, beyond 2^31 or contradicting) size, an unknown
/// model_type, a constant that the engine computes otherwise, and pattern keys that no runtime can
/// run (indexer_types of another length than the layers, a pattern longer than them, other letters,
/// S first). Pattern keys that only some runtimes accept are left to LayerPattern::from_config.
/// Keys of either family that may be absent take the family's Hugging Face default, with a notice.
ModelConfig parse_model_config(const std::string& text, const std::string& origin);
/// Reads and parses a file; throws IoError where it cannot be read.
ModelConfig load_model_config(const std::string& path);
/// The config as canonical JSON (sorted keys, new key style): input to model identity, and what
/// parse_model_config reads back to an equal config.
std::string to_json(const ModelConfig& config);
/// Throws InvalidArgument naming `config.name`, field and value; the parser calls it last, and so
/// does who builds a config in code.
void validate(const ModelConfig& config);

}  // namespace dsabench
