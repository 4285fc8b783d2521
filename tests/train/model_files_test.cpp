#include "train/model_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/model/safetensors.h"
#include "engine/text/tokenizer_file.h"
#include "suites/facts/vocabulary.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/support/random_model.h"
#include "tests/support/scratch_folder.h"
#include "tests/train/tensor_views.h"

namespace dsabench::test {
namespace {

using train::ParameterKind;

TEST_CASE("a model that is written is read again, by the engine and for training") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 4; ++round) {
    const RandomModel model = random_model(random, random_family(random));
    const train::Parameters parameters = train::copy_parameters(*model.weights, at::kCPU);
    const LayerPattern pattern = random_pattern(random, model.config->num_layers);
    const ModelConfig config = train::config_for(*model.config, pattern);
    CAPTURE(round, to_json(config));
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const ScratchFolder folder;
      train::write_model(folder.path(), config, parameters, dtype);
      const ModelConfig read = load_model_config(folder / "config.json");
      // Reading leaves out sizes that no layer needs.
      CHECK(to_json(read) == to_json(parse_model_config(to_json(config), "config")));
      CHECK(LayerPattern::from_config(read, Dialect::automatic) == pattern);
      const Weights weights = load_weights(read, folder.path());
      for (const std::string& notice : weights.notices) INFO(notice);
      CHECK(weights.notices.empty());
      const auto found = train::copy_parameters(weights, at::kCPU).named();
      const auto expected = parameters.named();
      REQUIRE(found.size() == expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        INFO(found[i].name);
        CHECK(found[i].name == expected[i].name);
        const bool rounded =
            dtype == DType::bf16 && found[i].kind != train::ParameterKind::router_bias;
        const at::Tensor wanted =
            rounded ? expected[i].tensor.to(at::kBFloat16).to(at::kFloat) : expected[i].tensor;
        CHECK(at::equal(found[i].tensor, wanted));
      }
      CHECK(parameters.count() == model.config->num_parameters());
    }
  }
}

TEST_CASE("a config that is written says what others would take from their defaults") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 8; ++round) {
    const RandomModel model = random_model(random, random_family(random));
    CAPTURE(round, to_json(*model.config));
    const ScratchFolder folder;
    train::write_model(folder.path(), *model.config,
                       train::copy_parameters(*model.weights, at::kCPU), DType::f32);
    const ModelConfig read = load_model_config(folder / "config.json");
    CHECK(read.notices.empty());
    const auto json = nlohmann::json::parse(read_text(folder / "config.json"));
    // transformers divides the heads by it, and has 64 where it is not said.
    CHECK(json.at("num_key_value_heads") == model.config->num_heads);
    CHECK(json.at("hidden_act") == "silu");
    CHECK(json.at("scoring_func") == "sigmoid");
    CHECK(json.at("topk_method") == "noaux_tc");
    // vLLM has no mlp_layer_types.
    const auto& moe = model.config->is_moe;
    const auto dense = std::count(moe.begin(), moe.end(), false);
    const bool dense_come_first = std::find(moe.begin() + dense, moe.end(), false) == moe.end();
    CHECK(json.contains("first_k_dense_replace") == dense_come_first);
    if (dense_come_first) CHECK(json.at("first_k_dense_replace") == dense);
  }
}

TEST_CASE("a model in FP8 is read again as near as its format allows") {
  DSABENCH_SEEDED(random);
  RandomModel model = random_model(random, random_family(random));
  const train::Parameters parameters = train::copy_parameters(*model.weights, at::kCPU);
  ModelConfig config = *model.config;
  config.fp8_block_rows = random.choice<std::int64_t>({128, 16, 5});
  config.fp8_block_columns = random.choice<std::int64_t>({128, 16, 3});
  CAPTURE(to_json(config));
  const ScratchFolder folder;
  train::write_model(folder.path(), config, parameters, DType::f8_e4m3);
  const ModelConfig read = load_model_config(folder / "config.json");
  CHECK(read.fp8_block_rows == config.fp8_block_rows);
  CHECK(read.fp8_block_columns == config.fp8_block_columns);
  const auto found = train::copy_parameters(load_weights(read, folder.path()), at::kCPU).named();
  const auto expected = parameters.named();
  REQUIRE(found.size() == expected.size());
  int quantized = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO(found[i].name);
    CHECK(found[i].name == expected[i].name);
    const at::Tensor wanted = expected[i].tensor;
    const at::Tensor error = (found[i].tensor - wanted).abs();
    const at::Tensor bf16 = (wanted.to(at::kBFloat16).to(at::kFloat) - wanted).abs();
    if (at::equal(error, bf16)) continue;
    if (found[i].kind == ParameterKind::router_bias && error.max().item<double>() == 0) continue;
    ++quantized;
    // Half a step of three mantissa bits; below the smallest normal code, half of that step.
    const at::Tensor allowed = wanted.abs() / 16 + wanted.abs().max() * (0x1p-10 / 448);
    CHECK((error <= allowed * 1.0001).all().item<bool>());
  }
  CHECK(quantized >= 6 * int(config.num_layers));  // of attention alone
}

TEST_CASE("all layers Full need no pattern in the config") {
  DSABENCH_SEEDED(random);
  ModelConfig config = random_config(random, ModelFamily::glm_moe_dsa);
  config.pattern_keys.pattern = random_pattern(random, config.num_layers).letters();
  const LayerPattern all_full = LayerPattern::all_full(config.num_layers);
  CHECK_FALSE(train::config_for(config, all_full).pattern_keys.pattern);
}

TEST_CASE("the tokenizer that is written splits what the facts ask into their words") {
  DSABENCH_SEEDED(random);
  ModelConfig config = random_config(random, ModelFamily::glm_moe_dsa);
  config.vocab_size = facts::kVocabularySize;
  const ScratchFolder folder;
  train::write_facts_tokenizer(folder.path(), config);
  const auto tokenizer = load_tokenizer(folder / "tokenizer.json");
  const auto words = facts::vocabulary();
  CHECK(tokenizer->vocab_size() == std::ssize(words));
  for (std::size_t i = 0; i < words.size(); ++i) {
    CHECK(tokenizer->encode(words[i]) == std::vector<std::int32_t>{std::int32_t(i)});
  }
  config.vocab_size -= 1;
  const std::string message =
      message_of<InvalidArgument>([&] { train::write_facts_tokenizer(folder.path(), config); });
  CHECK(contains(message, "vocab_size"));
}

}  // namespace
}  // namespace dsabench::test
