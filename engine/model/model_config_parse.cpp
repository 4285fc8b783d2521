#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/model/config_reader.h"
#include "engine/model/model_config.h"
#include "engine/model/model_config_keys.h"
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
      detail::value_or(reader.number("rms_norm_eps"), "rms_norm_eps", glm ? 1e-5 : 1e-6, config);
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
  detail::parse_rope(reader, config);
  detail::parse_feed_forward(reader, config);
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
