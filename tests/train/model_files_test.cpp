#include "train/model_files.h"

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
