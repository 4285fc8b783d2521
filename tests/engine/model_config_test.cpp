#include "engine/model/model_config.h"

#include <nlohmann/json.hpp>

#include "engine/model/model_preset.h"
#include "engine/model/safetensors.h"
#include "kernels/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/support/random.h"

namespace dsabench::test {
namespace {

using nlohmann::json;

const std::string kGolden = DSABENCH_TEST_DATA "/golden/";

/// A small valid config in the new key style.
json small_config() {
  return json::parse(R"({"model_type": "glm_moe_dsa", "hidden_size": 64, "num_hidden_layers": 6,
    "vocab_size": 256, "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "eos_token_id": 1,
    "num_attention_heads": 4, "q_lora_rank": 32, "kv_lora_rank": 32, "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8, "v_head_dim": 16, "index_n_heads": 8, "index_head_dim": 32,
    "index_topk": 16, "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"},
    "first_k_dense_replace": 1, "intermediate_size": 160, "moe_intermediate_size": 24,
    "n_routed_experts": 8, "num_experts_per_tok": 2, "n_shared_experts": 1, "n_group": 1,
    "topk_group": 1, "norm_topk_prob": true, "routed_scaling_factor": 1.8})");
}

ModelConfig parse(const json& object) { return parse_model_config(object.dump(), "x/config.json"); }

ModelConfig flash_30b() {
  json object = small_config();
  object.update(json::parse(R"({"hidden_size": 2048, "num_hidden_layers": 47, "vocab_size": 154880,
    "max_position_embeddings": 202752, "num_attention_heads": 20, "q_lora_rank": 768,
    "kv_lora_rank": 512, "qk_nope_head_dim": 192, "qk_rope_head_dim": 64, "v_head_dim": 256,
    "index_n_heads": 32, "index_head_dim": 128, "index_topk": 2048, "intermediate_size": 10240,
    "moe_intermediate_size": 1536, "n_routed_experts": 64, "num_experts_per_tok": 4})"));
  return parse(object);
}

json with(const char* key, const json& value) {
  json object = small_config();
  object[key] = value;
  return object;
}

}  // namespace

TEST_CASE("model_config: both key styles of a checkpoint give the same config") {
  for (const char* folder :
       {"glm_moe_dsa_tiny", "glm_moe_dsa_pattern", "deepseek_v32_tiny", "deepseek_v32_pattern"}) {
    CAPTURE(folder);
    const ModelConfig config = load_model_config(kGolden + folder + "/config.json");
    const ModelConfig legacy = load_model_config(kGolden + folder + "/config_legacy.json");
    CHECK(to_json(config) == to_json(legacy));
    CHECK(config.name == folder);
    CHECK(config.notices.empty());
    CHECK(legacy.notices.empty());
  }
}

TEST_CASE("model_config: fields are read as the file has them") {
  const ModelConfig c = load_model_config(kGolden + "deepseek_v32_pattern/config.json");
  CHECK(c.family == ModelFamily::deepseek_v32);
  CHECK(c.hidden_size == 64);
  CHECK(c.num_layers == 6);
  CHECK(c.qk_nope_dim == 24);
  CHECK(c.qk_rope_dim == 8);
  CHECK(c.v_dim == 32);
  CHECK(c.rope.dim == 8);
  CHECK(c.rope.theta == 10000.0);
  CHECK_FALSE(c.rope.yarn.has_value());
  CHECK(c.rms_norm_eps == 1e-6);
  CHECK(c.is_moe == std::vector<bool>{false, true, true, true, true, true});
  CHECK(c.experts_per_token == 3);
  CHECK(c.expert_groups == 2);
  CHECK(c.topk_expert_groups == 1);
  CHECK(c.routed_scaling_factor == 2.5);
  CHECK(c.eos_token_ids == std::vector<std::int64_t>{1});
  CHECK(c.pattern_keys.pattern == "FSSFSS");
  CHECK_FALSE(c.pattern_keys.indexer_types.has_value());
  CHECK_FALSE(c.indexer_rope_interleave.has_value());
  const ModelConfig glm = load_model_config(kGolden + "glm_moe_dsa_pattern/config.json");
  CHECK(glm.pattern_keys.indexer_types == "FSSFSS");
  CHECK(glm.indexer_rope_interleave == true);
}

TEST_CASE("model_config: keys as published checkpoints have them give the presets' sizes") {
  json v32 = json::parse(R"({"architectures": ["DeepseekV32ForCausalLM"], "attention_bias": false,
    "attention_dropout": 0.0, "bos_token_id": 0, "eos_token_id": 1, "ep_size": 1,
    "first_k_dense_replace": 3, "hidden_act": "silu", "hidden_size": 7168, "index_head_dim": 128,
    "index_n_heads": 64, "index_topk": 2048, "initializer_range": 0.02, "intermediate_size": 18432,
    "kv_lora_rank": 512, "max_position_embeddings": 163840, "model_type": "deepseek_v32",
    "moe_intermediate_size": 2048, "moe_layer_freq": 1, "n_group": 8, "n_routed_experts": 256,
    "n_shared_experts": 1, "norm_topk_prob": true, "num_attention_heads": 128,
    "num_experts_per_tok": 8, "num_hidden_layers": 61, "num_key_value_heads": 128,
    "num_nextn_predict_layers": 1, "pretraining_tp": 1, "q_lora_rank": 1536,
    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
    "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
      "scale_fmt": "ue8m0", "weight_block_size": [128, 128]},
    "rms_norm_eps": 1e-06,
    "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0,
      "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096, "type": "yarn"},
    "rope_theta": 10000, "routed_scaling_factor": 2.5, "scoring_func": "sigmoid",
    "tie_word_embeddings": false, "topk_group": 4, "topk_method": "noaux_tc",
    "torch_dtype": "bfloat16", "transformers_version": "4.44.2", "use_cache": true,
    "v_head_dim": 128, "vocab_size": 129280})");
  json glm = json::parse(R"({"architectures": ["GlmMoeDsaForCausalLM"], "attention_bias": false,
    "attention_dropout": 0.0, "dtype": "bfloat16", "eos_token_id": [154820, 154827, 154829],
    "ep_size": 1, "first_k_dense_replace": 3, "head_dim": 64, "hidden_act": "silu",
    "hidden_size": 6144, "index_head_dim": 128, "index_n_heads": 32, "index_topk": 2048,
    "indexer_rope_interleave": true, "initializer_range": 0.02, "intermediate_size": 12288,
    "kv_lora_rank": 512, "max_position_embeddings": 202752, "model_type": "glm_moe_dsa",
    "moe_intermediate_size": 2048, "moe_layer_freq": 1, "n_group": 1, "n_routed_experts": 256,
    "n_shared_experts": 1, "norm_topk_prob": true, "num_attention_heads": 64,
    "num_experts_per_tok": 8, "num_hidden_layers": 78, "num_key_value_heads": 64,
    "num_nextn_predict_layers": 1, "pad_token_id": 154820, "pretraining_tp": 1,
    "q_lora_rank": 2048, "qk_head_dim": 256, "qk_nope_head_dim": 192, "qk_rope_head_dim": 64,
    "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
      "modules_to_not_convert": ["lm_head"], "weight_block_size": [128, 128]},
    "rms_norm_eps": 1e-05, "rope_interleave": true,
    "rope_parameters": {"rope_theta": 1000000, "rope_type": "default"},
    "routed_scaling_factor": 2.5, "scoring_func": "sigmoid", "tie_word_embeddings": false,
    "topk_group": 1, "topk_method": "noaux_tc", "transformers_version": "5.0.2",
    "use_cache": true, "v_head_dim": 256, "vocab_size": 154880})");
  const auto sizes = [](ModelConfig config) {
    config.eos_token_ids.clear();
    return to_json(config);
  };
  CHECK(sizes(parse(v32)) == sizes(preset_config(preset("deepseek-v3.2"))));
  CHECK(sizes(parse(glm)) == sizes(preset_config(preset("glm-5"))));
  CHECK(parse(v32).notices.empty());
  CHECK(parse(glm).notices.empty());

  // What transformers adds as it saves a config again.
  v32["rope_parameters"] = v32["rope_scaling"];
  v32["rope_parameters"].update({{"rope_type", "yarn"}, {"rope_theta", 10000.0}});
  CHECK(sizes(parse(v32)) == sizes(preset_config(preset("deepseek-v3.2"))));
  v32.erase("rope_scaling");
  v32.erase("rope_theta");
  CHECK(sizes(parse(v32)) == sizes(preset_config(preset("deepseek-v3.2"))));
  v32["rope_parameters"]["finetuned"] = true;
  CHECK(contains(parse(v32).notices.at(0), "rope_parameters not known and ignored: finetuned"));
}

TEST_CASE("model_config: keys that mean nothing for a rope type are named, not refused") {
  json object = small_config();
  const std::string plain = to_json(parse(object));
  json& rope = object["rope_parameters"];
  rope.update({{"factor", 1.0}, {"original_max_position_embeddings", 512}, {"mrope_section", {1}}});
  rope["attention_factor"] = nullptr;
  const ModelConfig config = parse(object);
  CHECK(to_json(config) == plain);
  REQUIRE(config.notices.size() == 1);
  CHECK(contains(config.notices[0], "rope_parameters"));
  CHECK(contains(config.notices[0], "factor, mrope_section, original_max_position_embeddings"));
  CHECK_FALSE(contains(config.notices[0], "attention_factor"));
  rope.erase("rope_type");
  CHECK(contains(message_of<InvalidArgument>([&] { parse(object); }),
                 "rope_type must be given where there is a factor"));
}

TEST_CASE("model_config: YaRN in the old and the new form") {
  const json yarn = json::parse(R"({"type": "yarn", "factor": 40, "beta_fast": 32, "beta_slow": 1,
    "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096})");
  json old_style = small_config();
  old_style.erase("rope_parameters");
  old_style["rope_theta"] = 10000;
  old_style["rope_scaling"] = yarn;
  json new_style = small_config();
  new_style["rope_parameters"] = yarn;
  new_style["rope_parameters"]["rope_theta"] = 10000;
  new_style["rope_parameters"].erase("type");
  new_style["rope_parameters"]["rope_type"] = "yarn";
  const ModelConfig config = parse(old_style);
  CHECK(to_json(config) == to_json(parse(new_style)));
  REQUIRE(config.rope.yarn.has_value());
  CHECK(config.rope.yarn->factor == 40.0);
  CHECK(config.rope.yarn->original_max_positions == 4096);
  // m(40, 1)^2 = 1.87385 (DeepSeek-V3.2)
  CHECK(std::abs(config.softmax_scale() * std::sqrt(24.0) - 1.87385) < 1e-5);
  new_style["rope_parameters"]["mscale_all_dim"] = 0;  // as transformers: zero is unset
  CHECK(std::abs(parse(new_style).softmax_scale() * std::sqrt(24.0) - 1.0) < 1e-12);
}

TEST_CASE("model_config: to_json reads back to an equal config") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 50; ++round) {
    json object = small_config();
    const auto maybe = [&](const char* key, const json& value) {
      if (random.integer(0, 1) == 1) object[key] = value;
    };
    maybe("model_type", "deepseek_v32");
    maybe("attention_bias", true);
    maybe("tie_word_embeddings", true);
    maybe("eos_token_id", {3, 1, 4});
    maybe("rms_norm_eps", random.uniform(1e-7, 1e-4));
    maybe("routed_scaling_factor", random.uniform(0.5, 3.0));
    maybe("indexer_rope_interleave", random.integer(0, 1) == 1);
    maybe("indexer_types", {"full", "shared", "full", "full", "shared", "shared"});
    maybe("index_topk_pattern", "FSFFS");
    maybe("index_topk_freq", random.integer(1, 4));
    maybe("index_skip_topk_offset", random.integer(0, 4));
    maybe("mlp_layer_types", {"sparse", "dense", "sparse", "sparse", "dense", "dense"});
    maybe("n_shared_experts", 0);
    maybe("norm_topk_prob", false);
    maybe("num_nextn_predict_layers", 1);
    maybe("quantization_config", {{"quant_method", "fp8"}, {"weight_block_size", {64, 32}}});
    maybe("rope_parameters", {{"rope_theta", random.uniform(10.0, 1e6)},
                              {"rope_type", "yarn"},
                              {"factor", random.uniform(1.0, 64.0)},
                              {"mscale", 0.7},
                              {"attention_factor", 1.25},
                              {"truncate", random.integer(0, 1) == 1},
                              {"original_max_position_embeddings", 64}});
    const std::string text = to_json(parse(object));
    CHECK(to_json(parse_model_config(text, "again")) == text);
    const json written = json::parse(text);
    for (const auto& [key, value] : written.items()) {
      if (object.contains(key) && key != "rope_parameters" && key != "eos_token_id") {
        INFO(key);
        CHECK(value == object[key]);
      }
    }
  }
}

TEST_CASE("model_config: num_parameters counts a checkpoint's elements") {
  for (const char* folder :
       {"glm_moe_dsa_tiny", "deepseek_v32_tiny", "deepseek_v32_pattern", "glm_moe_dsa_tiny_fp8"}) {
    CAPTURE(folder);
    const ModelConfig config = load_model_config(kGolden + folder + "/config.json");
    const CheckpointFiles files = CheckpointFiles::open(kGolden + folder);
    std::int64_t elements = 0;
    for (const std::string& name : files.names()) {
      if (!name.ends_with("_scale_inv")) elements += files.tensor(name).num_elements();
    }
    CHECK(config.num_parameters() == elements);
  }
}

TEST_CASE("model_config: the published 30B architecture has its published size") {
  const ModelConfig config = flash_30b();
  ModelConfig smaller = config;
  smaller.index_heads = 31;  // one index head on every layer
  const std::int64_t per_head = 128 * 768 + 2048;
  CHECK(config.num_parameters() - smaller.num_parameters() == 47 * per_head);
  const double indexers = 47.0 * (32.0 * per_head + 128.0 * 2048.0 + 256.0);
  CHECK(std::abs(indexers - 0.16e9) < 0.005e9);
  CHECK(std::abs(double(config.num_parameters()) - indexers - 29.94e9) < 0.005e9);
  json biased = small_config();
  biased["attention_bias"] = true;
  CHECK(parse(biased).num_parameters() - parse(small_config()).num_parameters() ==
        6 * (32 + (32 + 8) + 64));
  biased["tie_word_embeddings"] = true;
  CHECK(parse(biased).num_parameters() - parse(small_config()).num_parameters() ==
        6 * (32 + (32 + 8) + 64) - 256 * 64);
}

TEST_CASE("model_config: what is wrong is refused by file, key and value") {
  struct Case {
    const char* key;
    json value;
    const char* expected;
  };
  const std::int64_t beyond = std::int64_t{1} << 31;
  const std::vector<Case> cases = {
      {"model_type", "llama", "glm_moe_dsa or deepseek_v32, got \"llama\""},
      {"model_type", nullptr, "glm_moe_dsa or deepseek_v32"},
      {"hidden_size", 0, "got 0"},
      {"hidden_size", -64, "got -64"},
      {"hidden_size", 64.0, "got 64.0"},
      {"hidden_size", "64", "got \"64\""},
      {"hidden_size", true, "got true"},
      {"hidden_size", nullptr, "got null"},
      {"hidden_size", beyond, "got 2147483648"},
      {"hidden_size", 18446744073709551615u, "got 18446744073709551615"},
      {"num_hidden_layers", 2000000000, "num_hidden_layers must be at most"},
      {"q_lora_rank", nullptr, "q_lora_rank"},
      {"index_topk", nullptr, "index_topk"},
      {"qk_rope_head_dim", 7, "even, got 7"},
      {"index_head_dim", 4, "at least qk_rope_head_dim"},
      {"qk_head_dim", 25, "qk_nope_head_dim + qk_rope_head_dim = 24, got 25"},
      {"rms_norm_eps", 0.0, "positive"},
      {"rms_norm_eps", "1e-5", "a number"},
      {"eos_token_id", 256, "inside the vocabulary, got 256"},
      {"eos_token_id", {1, "2"}, "eos_token_id"},
      {"attention_bias", 1, "true or false, got 1"},
      {"mlp_bias", true, "false, got true"},
      {"hidden_act", "gelu", "\"silu\", got \"gelu\""},
      {"scoring_func", "softmax", "\"sigmoid\""},
      {"topk_method", "greedy", "\"noaux_tc\""},
      {"moe_layer_freq", 2, "1, got 2"},
      {"partial_rotary_factor", 0.5, "1, got 0.5"},
      {"n_group", 3, "divisor of n_routed_experts, got 3"},
      {"n_group", 8, "two experts"},
      {"topk_group", 2, "at most n_group, got 2"},
      {"num_experts_per_tok", 9, "at most the experts"},
      {"num_experts", 16, "equal to the number of experts under its other name, 8, got 16"},
      {"n_shared_experts", -1, "got -1"},
      {"routed_scaling_factor", -1.0, "positive"},
      {"mlp_layer_types", {"dense"}, "of length num_hidden_layers 6, got 1"},
      {"mlp_layer_types", {"dense", "moe"}, "\"sparse\""},
      {"rope_theta", 5e5, "equal to rope_parameters.rope_theta 10000"},
      {"rope_scaling", {{"type", "yarn"}, {"factor", 4}}, "absent or equal to rope_parameters"},
      {"rope_parameters", {{"rope_type", "llama3"}}, "rope_parameters.rope_type"},
      {"rope_parameters", {{"rope_type", "yarn"}, {"type", "default"}}, "equal to rope_type"},
      {"rope_parameters", {{"rope_type", "yarn"}, {"factor", 0.5}}, "at least 1, got 0.5"},
      {"rope_parameters", {{"rope_type", "yarn"}, {"truncate", 1}}, "truncate must be"},
      {"rope_parameters", {{"rope_theta", 1.0}}, "more than 1, got 1"},
      {"rope_parameters", {{"full_attention", json::object()}}, "full_attention"},
      {"rope_parameters", "yarn", "an object"},
      {"indexer_types", {"full", "shared"}, "of length num_hidden_layers 6, got 2"},
      {"indexer_types", {"full", "none"}, "a list of \"full\" and \"shared\""},
      {"indexer_types", "FSSFSS", "a list of \"full\" and \"shared\""},
      {"indexer_types", {"shared", "full", "full", "full", "full", "full"}, "nothing to reuse"},
      {"index_topk_pattern", "SFFFFF", "nothing to reuse"},
      {"index_topk_pattern", "", "nothing to reuse"},
      {"index_topk_pattern", "FXFFFF", "letters F and S, got FXFFFF"},
      {"index_topk_pattern", "FFFFFFF", "no longer than num_hidden_layers 6, got 7"},
      {"index_topk_pattern", 4, "a list"},
      {"index_topk_freq", 0, "index_topk_freq"},
      {"index_topk_freq", 2.0, "index_topk_freq"},
      {"index_skip_topk_offset", -1, "index_skip_topk_offset"},
      {"quantization_config", {{"quant_method", "awq"}}, "quant_method must be \"fp8\""},
      {"quantization_config", {{"quant_method", "fp8"}, {"fmt", "e5m2"}}, "\"e4m3\""},
      {"quantization_config",
       {{"quant_method", "fp8"}, {"weight_block_size", {128}}},
       "two integers"},
      {"quantization_config",
       {{"quant_method", "fp8"}, {"weight_block_size", {0, 128}}},
       "weight_block_size"},
  };
  for (const Case& wrong : cases) {
    const json object = with(wrong.key, wrong.value);
    CAPTURE(wrong.key, wrong.value.dump());
    const std::string message = message_of<InvalidArgument>([&] { parse(object); });
    CAPTURE(message);
    CHECK(contains(message, "x/config.json"));
    CHECK(contains(message, wrong.expected));
  }
}

TEST_CASE("model_config: every size a model needs is required") {
  const json whole = small_config();
  const ModelConfig valid = parse(whole);
  for (const char* key :
       {"model_type", "hidden_size", "num_hidden_layers", "vocab_size", "max_position_embeddings",
        "num_attention_heads", "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim",
        "qk_rope_head_dim", "v_head_dim", "index_n_heads", "index_head_dim", "index_topk",
        "intermediate_size", "moe_intermediate_size", "n_routed_experts", "num_experts_per_tok"}) {
    json object = whole;
    object.erase(key);
    CHECK(contains(message_of<InvalidArgument>([&] { parse(object); }), key));
  }
}

TEST_CASE("model_config: null, defaults and unknown keys") {
  CHECK_FALSE(parse(with("index_topk_freq", nullptr)).pattern_keys.freq.has_value());
  CHECK_FALSE(parse(with("index_topk_pattern", nullptr)).pattern_keys.pattern.has_value());
  CHECK(parse(with("index_topk_pattern", {"F", "S", "full"})).pattern_keys.pattern == "FSF");
  CHECK(parse(with("rope_scaling", nullptr)).notices.empty());
  CHECK(parse(with("n_shared_experts", nullptr)).num_shared_experts == 0);
  CHECK(parse(with("eos_token_id", nullptr)).eos_token_ids.empty());
  CHECK(parse(with("pad_token_id", 3)).notices.empty());

  json object = small_config();
  object.erase("rms_norm_eps");
  CHECK(parse(object).rms_norm_eps == 1e-5);
  CHECK(contains(parse(object).notices.at(0), "rms_norm_eps absent"));
  object["model_type"] = "deepseek_v32";
  CHECK(parse(object).rms_norm_eps == 1e-6);

  CHECK(contains(parse(with("sliding_window", 4096)).notices.at(0), "sliding_window"));
  object = small_config();
  object["mlp_layer_types"] = {"sparse", "dense", "sparse", "sparse", "sparse", "sparse"};
  CHECK(contains(parse(object).notices.at(0), "first_k_dense_replace overridden"));
}

TEST_CASE("model_config: malformed JSON names the file and the place") {
  const auto message = [](const std::string& text) {
    return message_of<ParseError>([&] { parse_model_config(text, "x/config.json"); });
  };
  CHECK(contains(message(R"({"hidden_size": })"), "x/config.json: malformed JSON at byte 17"));
  CHECK(contains(message(R"({"a": 1, "a": 2})"), "key given twice: \"a\""));
  CHECK(contains(message(std::string(100, '[')), "deeper"));
  CHECK(contains(message(R"({"a": 1e999})"), "malformed JSON"));
  CHECK(contains(message("[]"), "must be a JSON object"));
  CHECK(contains(message(""), "malformed JSON"));
  CHECK(contains(message("{\"a\": \"\xff\"}"), "malformed JSON"));
  CHECK_THROWS_AS(load_model_config("/nonexistent/config.json"), IoError);
  CHECK_THROWS_AS(load_model_config(kGolden), IoError);
}

TEST_CASE("model_config: sizes that only together are impossible are refused") {
  ModelConfig config = flash_30b();
  config.hidden_size = config.num_heads = config.v_dim = std::int64_t{1} << 30;
  const std::string message = message_of<InvalidArgument>([&] { validate(config); });
  CHECK(contains(message, "parameters"));
}

}  // namespace dsabench::test
