#include "engine/model/model_preset.h"

#include <filesystem>

#include "tests/support/catch.h"
#include "tests/support/engine_runs.h"

namespace dsabench {
namespace {

using test::contains;
using test::refusal;

}  // namespace

TEST_CASE("every file of models/ is a preset that parses without remarks") {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(DSABENCH_SOURCE_DIR "/models")) {
    if (entry.path().extension() != ".json") continue;
    ++files;
    CAPTURE(entry.path().string());
    const ModelPreset* found = find_preset(entry.path().stem().string());
    REQUIRE(found != nullptr);
    CHECK_FALSE(found->description.empty());
    const ModelConfig config = preset_config(*found);
    CHECK(config.name == entry.path().stem().string());
    INFO(fmt::format("{}", fmt::join(config.notices, "; ")));
    CHECK(config.notices.empty());
  }
  CHECK(files == model_presets().size());
}

TEST_CASE("presets have the published sizes") {
  const ModelConfig flash = preset_config(preset("glm-4.7-flash-dsa"));
  const double indexers = 0.163;  // 47 * (4096*768 + 128*2048 + 2*128 + 32*2048)
  CHECK(double(flash.num_parameters()) / 1e9 == Approx(29.94 + indexers).epsilon(0.0005));
  CHECK(double(preset_config(preset("glm-5")).num_parameters()) / 1e9 == Approx(744).epsilon(0.01));
  CHECK(double(preset_config(preset("deepseek-v3.2")).num_parameters()) / 1e9 ==
        Approx(671).epsilon(0.01));
  CHECK(preset_config(preset("deepseek-v3.2")).rope.yarn.has_value());
  CHECK(preset_config(preset("demo")).vocab_size == 256);
}

TEST_CASE("overrides replace what a preset has and nothing else") {
  const std::vector<ConfigOverride> overrides = {parse_config_override("num_hidden_layers=5"),
                                                 parse_config_override("routed_scaling_factor=2"),
                                                 {"rope_parameters.rope_theta", "10000"}};
  const ModelConfig config = preset_config(preset("glm-4.7-flash-dsa"), overrides);
  CHECK(config.num_layers == 5);
  CHECK(config.is_moe.size() == 5);
  CHECK(config.routed_scaling_factor == 2.0);
  CHECK(config.rope.theta == 10000.0);
  CHECK(config.hidden_size == 2048);

  const auto refused = [](const char* text) {
    return refusal([&] {
      const std::vector<ConfigOverride> one = {parse_config_override(text)};
      preset_config(preset("demo"), one);
    });
  };
  CHECK(contains(refused("num_layers=5"), "num_layers"));
  CHECK(contains(refused("num_layers=5"), "num_hidden_layers"));
  CHECK(contains(refused("dsabench.weights=trained"), "no such key"));
  CHECK(contains(refused("rope_parameters.factor=2"), "rope_parameters.factor"));
  CHECK(contains(refused("hidden_size.x=2"), "hidden_size.x"));
  CHECK(contains(refused("hidden_size=wide"), "wide"));
  CHECK(contains(refused("hidden_size=0"), "hidden_size"));
  CHECK(contains(refused("norm_topk_prob=1"), "boolean"));
  CHECK(contains(refused("hidden_size"), "key=value"));
  CHECK(contains(refused("=3"), "key=value"));
}

TEST_CASE("an unknown preset is refused with the names there are") {
  CHECK(find_preset("glm-6") == nullptr);
  CHECK(contains(refusal([] { preset("glm-6"); }), "glm-5"));
}

}  // namespace dsabench
