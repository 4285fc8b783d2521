#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/model/config_reader.h"
#include "engine/model/model_config.h"
#include "engine/model/strict_json.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// Keys that change no result, or that say again what the tensors or other keys say. `head_dim` is
/// overwritten by Hugging Face, `rope_interleave` is not read: the rotation of these families' main
/// attention is always interleaved.
constexpr std::string_view kIgnoredKeys[] = {"architectures",
                                             "attention_dropout",
                                             "auto_map",
                                             "aux_loss_alpha",
                                             "bos_token_id",
                                             "dsabench",
                                             "dtype",
                                             "ep_size",
                                             "head_dim",
                                             "index_share_for_mtp_iteration",
                                             "initializer_range",
                                             "layer_types",
                                             "moe_router_dtype",
                                             "num_key_value_heads",
                                             "output_router_logits",
                                             "pad_token_id",
                                             "pretraining_tp",
                                             "rope_interleave",
                                             "router_aux_loss_coef",
                                             "seq_aux",
                                             "torch_dtype",
                                             "transformers_version",
                                             "use_cache",
                                             "use_index_cache",
                                             "_name_or_path"};

/// The folder's name for a file called config*.json, else the file's own.
std::string name_from_origin(const std::string& origin) {
  const std::filesystem::path path(origin);
  const std::string stem = path.stem().string();
  if (!stem.starts_with("config")) return stem.empty() ? origin : stem;
  std::error_code error;
  const std::string folder = std::filesystem::absolute(path, error).parent_path().filename();
  return folder.empty() ? stem : folder;
}

/// The value of a key, or the family's default with a notice: nothing is defaulted silently.
template <class T>
T value_or(std::optional<T> value, std::string_view key, T fallback, ModelConfig& config) {
  if (value) return *value;
  config.notices.push_back(fmt::format("{} absent: took {}, the default of {}", key, fallback,
                                       model_family_name(config.family)));
  return fallback;
}

ModelFamily parse_family(ConfigReader& reader) {
  const auto type = reader.string("model_type");
  if (type == "glm_moe_dsa") return ModelFamily::glm_moe_dsa;
  if (type == "deepseek_v32") return ModelFamily::deepseek_v32;
  reader.fail("model_type", "glm_moe_dsa or deepseek_v32");
}

/// Refuses constants whose other values the engine does not compute.
void check_constants(ConfigReader& reader, const ModelConfig& config) {
  const auto text = [&](std::string_view key, std::string_view only) {
    const auto value = reader.string(key);
    if (value && *value != only) reader.fail(key, fmt::format("\"{}\"", only));
  };
  text("hidden_act", "silu");
  text("scoring_func", "sigmoid");
  text("topk_method", "noaux_tc");
  if (reader.boolean("mlp_bias").value_or(false)) reader.fail("mlp_bias", "false");
  const auto moe_freq = reader.integer("moe_layer_freq", 0, kMaxConfigSize);
  if (moe_freq && *moe_freq != 1) reader.fail("moe_layer_freq", "1");
  const auto qk_dim = reader.integer("qk_head_dim", 1, kMaxConfigSize);
  if (qk_dim && *qk_dim != config.qk_head_dim()) {
    reader.fail("qk_head_dim",
                fmt::format("qk_nope_head_dim + qk_rope_head_dim = {}", config.qk_head_dim()));
  }
  const auto partial = reader.number("partial_rotary_factor");
  if (partial && *partial != 1.0) reader.fail("partial_rotary_factor", "1");
}

void parse_sizes(ConfigReader& reader, ModelConfig& config) {
  const bool glm = config.family == ModelFamily::glm_moe_dsa;
  config.hidden_size = reader.size("hidden_size");
  config.num_layers = reader.size("num_hidden_layers");
  config.vocab_size = reader.size("vocab_size");
  config.max_positions = reader.size("max_position_embeddings");
  config.rms_norm_eps =
      value_or(reader.number("rms_norm_eps"), "rms_norm_eps", glm ? 1e-5 : 1e-6, config);
  config.attention_bias = reader.boolean("attention_bias").value_or(false);
  config.tie_word_embeddings = reader.boolean("tie_word_embeddings").value_or(false);
  config.eos_token_ids = reader.integers("eos_token_id", 0, kMaxConfigSize);
  config.num_heads = reader.size("num_attention_heads");
  config.q_lora_rank = reader.size("q_lora_rank");
  config.kv_lora_rank = reader.size("kv_lora_rank");
  config.qk_nope_dim = reader.size("qk_nope_head_dim");
  config.qk_rope_dim = reader.size("qk_rope_head_dim");
  config.v_dim = reader.size("v_head_dim");
  config.index_heads = reader.size("index_n_heads");
  config.index_dim = reader.size("index_head_dim");
  config.index_top_k = reader.size("index_topk");
  config.indexer_rope_interleave = reader.boolean("indexer_rope_interleave");
  config.num_mtp_layers = reader.integer("num_nextn_predict_layers", 0, kMaxConfigSize).value_or(0);
}

/// YaRN's keys, with transformers' defaults where they are absent or zero.
ops::YarnScaling parse_yarn(ConfigReader& rope, ModelConfig& config) {
  ops::YarnScaling yarn;
  const auto positive = [&](std::string_view key) {
    const auto value = rope.number(key);
    return value && *value != 0.0 ? value : std::nullopt;
  };
  yarn.original_max_positions =
      value_or(rope.integer("original_max_position_embeddings", 1, kMaxConfigSize),
               "original_max_position_embeddings", config.max_positions, config);
  const double ratio = double(config.max_positions) / double(yarn.original_max_positions);
  yarn.factor = value_or(rope.number("factor"), "rope factor", ratio, config);
  yarn.beta_fast = positive("beta_fast").value_or(32.0);
  yarn.beta_slow = positive("beta_slow").value_or(1.0);
  yarn.mscale = positive("mscale");
  yarn.mscale_all_dim = positive("mscale_all_dim");
  yarn.attention_factor = rope.number("attention_factor");
  if (!rope.boolean("truncate").value_or(true)) rope.fail("truncate", "true");
  return yarn;
}

/// Reads rope_parameters (new) or rope_theta and rope_scaling (old); both may be given when they
/// agree.
void parse_rope(const nlohmann::json& root, ConfigReader& reader, ModelConfig& config) {
  config.rope.dim = config.qk_rope_dim;
  auto rope = reader.object("rope_parameters");
  auto scaling = reader.object("rope_scaling");
  if (rope && scaling && root["rope_parameters"] != root["rope_scaling"]) {
    reader.fail("rope_scaling", "absent or equal to rope_parameters");
  }
  if (!rope) rope = std::move(scaling);

  std::optional<double> theta = rope ? rope->number("rope_theta") : std::nullopt;
  const std::optional<double> old_theta = reader.number("rope_theta");
  if (theta && old_theta && *theta != *old_theta) {
    reader.fail("rope_theta", fmt::format("equal to rope_parameters.rope_theta {}", *theta));
  }
  config.rope.theta = value_or(theta ? theta : old_theta, "rope_theta", 10000.0, config);
  if (!rope) return;

  const auto new_type = rope->string("rope_type");
  const auto old_type = rope->string("type");
  if (new_type && old_type && *new_type != *old_type) {
    rope->fail("type", fmt::format("equal to rope_type \"{}\"", *new_type));
  }
  const std::string type = new_type ? *new_type : old_type.value_or("default");
  if (type != "default" && type != "yarn") {
    rope->fail(new_type ? "rope_type" : "type", "\"default\" or \"yarn\"");
  }
  if (type == "yarn") config.rope.yarn = parse_yarn(*rope, config);
  const auto partial = rope->number("partial_rotary_factor");
  if (partial && *partial != 1.0) rope->fail("partial_rotary_factor", "1");
  const auto unknown = rope->unknown_keys();
  if (!unknown.empty()) {
    rope->fail(unknown.front(), "absent: it means nothing for rope type " + type);
  }
}

/// is_moe from mlp_layer_types, which wins, or first_k_dense_replace.
void parse_layer_types(ConfigReader& reader, ModelConfig& config) {
  constexpr std::int64_t kLargestList = 1 << 14;
  const auto types = reader.strings("mlp_layer_types");
  const auto first_dense = reader.integer("first_k_dense_replace", 0, kMaxConfigSize);
  if (types) {
    for (const std::string& type : *types) {
      if (type != "dense" && type != "sparse") {
        reader.fail("mlp_layer_types", "a list of \"dense\" and \"sparse\"");
      }
      config.is_moe.push_back(type == "sparse");
    }
    const auto dense_run = std::find(config.is_moe.begin(), config.is_moe.end(), true);
    const bool agrees = std::find(dense_run, config.is_moe.end(), false) == config.is_moe.end() &&
                        dense_run - config.is_moe.begin() == first_dense.value_or(0);
    if (first_dense && !agrees) {
      config.notices.push_back("first_k_dense_replace overridden by mlp_layer_types");
    }
    return;
  }
  if (config.num_layers > kLargestList) {
    reader.fail("num_hidden_layers", fmt::format("at most {}", kLargestList));
  }
  const std::int64_t dense =
      value_or(first_dense, "first_k_dense_replace", std::int64_t{3}, config);
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    config.is_moe.push_back(layer >= dense);
  }
}

/// n_routed_experts under any of its three names.
std::int64_t parse_num_experts(ConfigReader& reader) {
  std::optional<std::int64_t> experts;
  for (const char* key : {"n_routed_experts", "num_experts", "num_local_experts"}) {
    const auto value = reader.integer(key, 1, kMaxConfigSize);
    if (value && experts && *value != *experts) {
      reader.fail(key,
                  fmt::format("equal to the number of experts under its other name, {}", *experts));
    }
    if (value) experts = value;
  }
  if (!experts) reader.fail("n_routed_experts", "the number of routed experts");
  return *experts;
}

void parse_feed_forward(ConfigReader& reader, ModelConfig& config) {
  parse_layer_types(reader, config);
  const auto of_layers = [&](bool moe) {
    return std::find(config.is_moe.begin(), config.is_moe.end(), moe) != config.is_moe.end();
  };
  if (of_layers(false)) {
    config.dense_intermediate_size = reader.size("intermediate_size");
  } else {
    reader.ignore("intermediate_size");
  }
  if (!of_layers(true)) {
    for (const char* key : {"moe_intermediate_size", "n_routed_experts", "num_experts",
                            "num_local_experts", "num_experts_per_tok", "n_shared_experts",
                            "n_group", "topk_group", "norm_topk_prob", "routed_scaling_factor"}) {
      reader.ignore(key);
    }
    return;
  }
  config.expert_intermediate_size = reader.size("moe_intermediate_size");
  config.num_experts = parse_num_experts(reader);
  config.experts_per_token = reader.size("num_experts_per_tok");
  config.num_shared_experts = reader.is_null("n_shared_experts")
                                  ? 0
                                  : value_or(reader.integer("n_shared_experts", 0, kMaxConfigSize),
                                             "n_shared_experts", std::int64_t{1}, config);
  config.expert_groups = reader.integer("n_group", 1, kMaxConfigSize).value_or(1);
  config.topk_expert_groups = reader.integer("topk_group", 1, kMaxConfigSize).value_or(1);
  config.normalize_expert_weights = reader.boolean("norm_topk_prob").value_or(true);
  config.routed_scaling_factor =
      value_or(reader.number("routed_scaling_factor"), "routed_scaling_factor", 2.5, config);
}

/// A string of letters, or a list of letters or of the words "full" and "shared".
std::optional<std::string> parse_letters(ConfigReader& reader, std::string_view key) {
  if (reader.is_string(key)) return reader.string(key);
  const auto list = reader.strings(key);
  if (!list) return std::nullopt;
  std::string letters;
  for (const std::string& entry : *list) {
    if (entry != "full" && entry != "shared" && entry != "F" && entry != "S") {
      reader.fail(key, "a list of \"full\" and \"shared\" (or \"F\" and \"S\")");
    }
    letters += entry == "full" || entry == "F" ? 'F' : 'S';
  }
  return letters;
}

void parse_pattern_keys(ConfigReader& reader, ModelConfig& config) {
  if (reader.is_string("indexer_types")) {
    reader.fail("indexer_types", "a list of \"full\" and \"shared\"");
  }
  PatternKeys& keys = config.pattern_keys;
  keys.indexer_types = parse_letters(reader, "indexer_types");
  keys.pattern = parse_letters(reader, "index_topk_pattern");
  keys.freq = reader.integer("index_topk_freq", 1, kMaxConfigSize);
  keys.skip_offset = reader.integer("index_skip_topk_offset", 0, kMaxConfigSize);
}

/// Which tensors are quantised is decided tensor by tensor; here only the block is read.
void parse_quantization(ConfigReader& reader, ModelConfig& config) {
  auto quantization = reader.object("quantization_config");
  if (!quantization) return;
  const auto method = quantization->string("quant_method");
  if (method != "fp8") quantization->fail("quant_method", "\"fp8\"");
  const auto format = quantization->string("fmt");
  if (format && *format != "e4m3") quantization->fail("fmt", "\"e4m3\"");
  if (!quantization->has("weight_block_size")) return;
  const auto block = quantization->integers("weight_block_size", 1, kMaxConfigSize);
  if (block.size() != 2) quantization->fail("weight_block_size", "two integers");
  config.fp8_block_rows = block[0];
  config.fp8_block_columns = block[1];
}

}  // namespace

ModelConfig parse_model_config(const std::string& text, const std::string& origin) {
  const nlohmann::json root = parse_strict_json(text, origin);
  if (!root.is_object()) throw ParseError(origin, "a config must be a JSON object");
  ConfigReader reader(root, origin);
  ModelConfig config;
  config.name = name_from_origin(origin);
  config.family = parse_family(reader);
  parse_sizes(reader, config);
  parse_rope(root, reader, config);
  parse_feed_forward(reader, config);
  parse_pattern_keys(reader, config);
  parse_quantization(reader, config);
  check_constants(reader, config);
  for (const std::string_view key : kIgnoredKeys) reader.ignore(key);
  const auto unknown = reader.unknown_keys();
  if (!unknown.empty()) {
    config.notices.push_back(
        fmt::format("keys not known and ignored: {}", fmt::join(unknown, ", ")));
  }
  try {
    validate(config);
  } catch (Error& error) {
    error.add_context(origin);
    throw;
  }
  return config;
}

}  // namespace dsabench
