#include "engine/model/layer_pattern.h"

#include "kernels/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/support/random.h"

namespace dsabench::test {
namespace {

ModelConfig with_keys(std::int64_t layers, PatternKeys keys,
                      ModelFamily family = ModelFamily::glm_moe_dsa) {
  ModelConfig config;
  config.name = "test model";
  config.family = family;
  config.num_layers = layers;
  config.pattern_keys = std::move(keys);
  return config;
}

std::vector<std::int64_t> full_layers(const LayerPattern& pattern) {
  std::vector<std::int64_t> layers;
  for (std::int64_t layer = 0; layer < pattern.num_layers(); ++layer) {
    if (pattern.is_full(layer)) layers.push_back(layer);
  }
  return layers;
}

/// {0, 1, 2, first, first + 4, ...} below 78.
std::vector<std::int64_t> glm52_layers(std::vector<std::int64_t> layers) {
  while (layers.back() + 4 < 78) layers.push_back(layers.back() + 4);
  return layers;
}

constexpr Dialect kAll[] = {Dialect::automatic, Dialect::paper,  Dialect::hf,
                            Dialect::vllm,      Dialect::sglang, Dialect::atom};

}  // namespace

TEST_CASE("layer_pattern: shared layers take the nearest full layer before them") {
  const LayerPattern pattern = LayerPattern::from_letters("FSSFFS");
  const std::int64_t expected[] = {0, 0, 0, 3, 4, 4};
  for (std::int64_t layer = 0; layer < 6; ++layer) {
    CHECK(pattern.source_layer(layer) == expected[layer]);
    CHECK(pattern.is_full(layer) == (expected[layer] == layer));
  }
  CHECK(pattern.num_full() == 3);
  CHECK(pattern.realised_retention() == 0.5);
  CHECK(pattern.letters() == "FSSFFS");
  CHECK(LayerPattern::all_full(3).letters() == "FFF");
}

TEST_CASE("layer_pattern: letters survive the way through source layers") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 20; ++round) {
    std::string letters = "F";
    const std::int64_t length = random.integer(0, 90);
    for (std::int64_t i = 0; i < length; ++i) letters += random.integer(0, 2) == 0 ? 'F' : 'S';
    CHECK(LayerPattern::from_letters(letters).letters() == letters);
  }
}

TEST_CASE("layer_pattern: letters that cannot run are refused") {
  const auto message = [](std::string_view letters) {
    return message_of<InvalidArgument>([&] { LayerPattern::from_letters(letters); });
  };
  CHECK(contains(message("SFFF"), "layer 0 has nothing to reuse, got SFFF"));
  CHECK(contains(message("FFxF"), "got 'x' at layer 2"));
  CHECK(contains(message("ffss"), "got 'f' at layer 0"));
  CHECK(contains(message(""), "got none"));
  CHECK_THROWS_AS(LayerPattern::all_full(0), InvalidArgument);
}

TEST_CASE("layer_pattern: the paper's uniform patterns") {
  CHECK(LayerPattern::uniform(8, {1, 4}).letters() == "FSSSFSSS");
  CHECK(LayerPattern::uniform(5, {1, 1}).letters() == "FFFFF");
  CHECK(LayerPattern::uniform(9, {3, 8}).letters() == "FSSFSSFSF");
  CHECK(LayerPattern::uniform(47, {1, 2}).num_full() == 24);
  CHECK(LayerPattern::uniform(47, {1, 4}).num_full() == 12);
  CHECK(LayerPattern::uniform(47, {1, 8}).num_full() == 6);
  CHECK(LayerPattern::uniform(78, {1, 2}).num_full() == 39);
  CHECK(LayerPattern::uniform(78, {1, 4}).num_full() == 20);
  CHECK(LayerPattern::uniform(78, {1, 8}).num_full() == 10);
  for (std::int64_t n = 1; n < 12; ++n) {
    const LayerPattern pattern = LayerPattern::uniform(50, {1, n});
    for (std::int64_t layer = 0; layer < 50; ++layer) {
      CHECK(pattern.is_full(layer) == (layer % n == 0));
    }
  }
  CHECK_THROWS_AS(LayerPattern::uniform(8, {0, 1}), InvalidArgument);
  CHECK_THROWS_AS(LayerPattern::uniform(8, {5, 4}), InvalidArgument);
  CHECK_THROWS_AS(LayerPattern::uniform(0, {1, 4}), InvalidArgument);
}

TEST_CASE("layer_pattern: a uniform pattern keeps the ceiling of its share of layers") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 100; ++round) {
    const std::int64_t denominator = random.integer(1, 40);
    const std::int64_t numerator = random.integer(1, denominator);
    const std::int64_t layers = random.integer(1, 100);
    CAPTURE(numerator, denominator, layers);
    // Whole numbers crossed by -r, 0, r, ..., (layers - 1) r.
    CHECK(LayerPattern::uniform(layers, {numerator, denominator}).num_full() ==
          (layers - 1) * numerator / denominator + 1);
  }
}

TEST_CASE("layer_pattern: retention is parsed exactly") {
  CHECK(Retention::parse("1") == Retention{1, 1});
  CHECK(Retention::parse("1/4") == Retention{1, 4});
  CHECK(Retention::parse("2/8") == Retention{1, 4});
  CHECK(Retention::parse("0.25") == Retention{1, 4});
  CHECK(Retention::parse("0.375") == Retention{3, 8});
  CHECK(Retention::parse("1.0") == Retention{1, 1});
  CHECK(Retention::parse("3/8").to_string() == "3/8");
  CHECK(Retention::parse("4/4").to_string() == "1");
  CHECK(Retention::parse("3/8").value() == 0.375);
  for (const char* text :
       {"",      "0",    "0/4",          "1/0",
        "5/4",   "1.5",  "-1/4",         "+1",
        " 1",    "1/4 ", "1/-4",         "a",
        "1/4/2", ".",    "1.",           "1e-1",
        "0.",    "0x1",  "0.0000000001", "99999999999999999999/99999999999999999999"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(Retention::parse(text), InvalidArgument);
  }
  CHECK(contains(message_of<InvalidArgument>([] { Retention::parse("5/4"); }), "'5/4'"));
}

TEST_CASE("layer_pattern: frequency counts of the runtimes and of the paper differ") {
  struct Count {
    std::int64_t layers, freq, runtimes, paper;
  };
  for (const Count& c : {Count{47, 2, 24, 24}, Count{47, 4, 13, 12}, Count{47, 8, 7, 6},
                         Count{78, 2, 40, 39}, Count{78, 4, 21, 20}, Count{78, 8, 11, 10}}) {
    CAPTURE(c.layers, c.freq);
    for (const Dialect dialect : kAll) {
      const auto count =
          LayerPattern::from_freq(c.layers, c.freq, std::nullopt, dialect).num_full();
      CHECK(count == (dialect == Dialect::paper ? c.paper : c.runtimes));
    }
  }
  CHECK(LayerPattern::from_freq(10, 4, std::nullopt, Dialect::vllm).letters() == "FFSSSFSSSF");
  CHECK(LayerPattern::from_freq(10, 4, std::nullopt, Dialect::paper).letters() == "FSSSFSSSFS");
  CHECK(LayerPattern::from_freq(6, 1, 3, Dialect::hf).letters() == "FFFFFF");
}

TEST_CASE("layer_pattern: GLM-5.2's frequency 4 and offset 3") {
  for (const Dialect dialect : {Dialect::automatic, Dialect::hf, Dialect::vllm, Dialect::sglang}) {
    const LayerPattern pattern = LayerPattern::from_freq(78, 4, 3, dialect);
    CHECK(full_layers(pattern) == glm52_layers({0, 1, 2, 6}));
    CHECK(pattern.num_full() == 21);
  }
  // ATOM's formula is one layer later for the same offset.
  const LayerPattern atom = LayerPattern::from_freq(78, 4, 3, Dialect::atom);
  CHECK(full_layers(atom) == glm52_layers({0, 1, 2, 3, 7}));
  CHECK(atom.num_full() == 22);
}

TEST_CASE("layer_pattern: frequencies and offsets that cannot run are refused") {
  CHECK_THROWS_AS(LayerPattern::from_freq(6, 0, std::nullopt, Dialect::hf), InvalidArgument);
  CHECK_THROWS_AS(LayerPattern::from_freq(6, 2, -1, Dialect::hf), InvalidArgument);
  // max(0 - 0 + 1, 0) % 2 != 0: layer 0 would be Shared.
  const std::string message =
      message_of<InvalidArgument>([] { LayerPattern::from_freq(6, 2, 0, Dialect::vllm); });
  CHECK(contains(message, "nothing to reuse"));
}

TEST_CASE("layer_pattern: precedence of the keys under each dialect") {
  // Three keys, three meanings.
  const PatternKeys keys{"FSSFSS", "FFSFSS", 3, 1};
  const std::string by_freq = "FSSFSS";
  const ModelConfig config = with_keys(6, keys);
  CHECK(LayerPattern::from_config(config, Dialect::vllm).letters() == "FFSFSS");
  CHECK(LayerPattern::from_config(config, Dialect::sglang).letters() == "FFSFSS");
  CHECK(LayerPattern::from_config(config, Dialect::atom).letters() == "FSSFSS");
  CHECK(LayerPattern::from_config(config, Dialect::paper).letters() == "FSSFSS");
  for (const Dialect dialect : {Dialect::automatic, Dialect::hf}) {
    const std::string message =
        message_of<InvalidArgument>([&] { LayerPattern::from_config(config, dialect); });
    CHECK(contains(message, "test model: index_topk_pattern contradicts"));
    CHECK(contains(message, "FFSFSS against FSSFSS"));
  }
  const ModelConfig types_only = with_keys(6, {"FSSFSS", std::nullopt, std::nullopt, std::nullopt});
  CHECK(LayerPattern::from_config(types_only, Dialect::vllm).letters() == "FFFFFF");
  CHECK(LayerPattern::from_config(types_only, Dialect::automatic).letters() == "FSSFSS");
  const ModelConfig freq_only = with_keys(6, {std::nullopt, std::nullopt, 2, std::nullopt});
  CHECK(LayerPattern::from_config(freq_only, Dialect::automatic).letters() == "FFSFSF");
  CHECK(LayerPattern::from_config(freq_only, Dialect::paper).letters() == "FSFSFS");
}

TEST_CASE("layer_pattern: keys that agree, and a frequency of 1, contradict nothing") {
  std::string types;
  for (std::int64_t layer = 0; layer < 78; ++layer) {
    types += layer < 3 || (layer >= 6 && (layer - 6) % 4 == 0) ? 'F' : 'S';
  }
  const ModelConfig glm52 = with_keys(78, {types, std::nullopt, 4, 3});
  for (const Dialect dialect : {Dialect::automatic, Dialect::hf, Dialect::vllm, Dialect::atom}) {
    CHECK(LayerPattern::from_config(glm52, dialect).letters() == types);
  }
  const ModelConfig saved = with_keys(6, {std::nullopt, "FSSFSS", 1, 2});
  CHECK(LayerPattern::from_config(saved, Dialect::automatic).letters() == "FSSFSS");
  const ModelConfig other = with_keys(6, {std::nullopt, "FSSFSS", 2, std::nullopt});
  const std::string message =
      message_of<InvalidArgument>([&] { LayerPattern::from_config(other, Dialect::automatic); });
  CHECK(contains(message, "index_topk_freq contradicts"));
}

TEST_CASE("layer_pattern: no key at all is all full") {
  for (const Dialect dialect : kAll) {
    CHECK(LayerPattern::from_config(with_keys(5, {}), dialect).letters() == "FFFFF");
  }
}

TEST_CASE("layer_pattern: transformers shares nothing in deepseek_v32") {
  const ModelConfig config =
      with_keys(6, {std::nullopt, "FSSFSS", std::nullopt, std::nullopt}, ModelFamily::deepseek_v32);
  CHECK(LayerPattern::from_config(config, Dialect::hf).letters() == "FFFFFF");
  CHECK(LayerPattern::from_config(config, Dialect::automatic).letters() == "FSSFSS");
  CHECK(LayerPattern::from_config(config, Dialect::vllm).letters() == "FSSFSS");
}

TEST_CASE("layer_pattern: a pattern shorter than the model") {
  const ModelConfig config = with_keys(6, {std::nullopt, "FSSS", std::nullopt, std::nullopt});
  CHECK(LayerPattern::from_config(config, Dialect::vllm).letters() == "FSSSFF");
  CHECK(LayerPattern::from_config(config, Dialect::atom).letters() == "FSSSFF");
  for (const Dialect dialect : {Dialect::automatic, Dialect::hf, Dialect::sglang, Dialect::paper}) {
    const std::string message =
        message_of<InvalidArgument>([&] { LayerPattern::from_config(config, dialect); });
    CHECK(contains(message, "must have 6 letters"));
  }
}

TEST_CASE("layer_pattern: the paper's searched patterns") {
  struct Published {
    const char* letters;
    std::int64_t layers, full;
  };
  const Published published[] = {
      {"FSFSFSSSSFSFFFFSFFSSFFSFFFSSFFSSFSSSSFSFFFSFSSF", 47, 24},
      {"FSFSFSSSSFSSSFSSFFSSFSSFSSSSFSSSFSSSSFSSSSSSSSS", 47, 12},
      {"FSSSFSSSSSSSSFSSSFSSSSSFSSSSFSSSSSSSSFSSSSSSSSS", 47, 7},
      {"FFSFSSSFSSFFFSSSFFFSFSSSSSSFFSFFSFFSSFFFFFFSFFFFFSFFSSSSSSFSFFFSFSSSFSFFSFFSSS", 78, 40},
      {"FFSFSSSFSSFSFSSSSSSSFSSSSSSFSSSFSFSSSSFFFFFSSSFFSSSFSSSSSSSSFSSSFSSSSSSFSFSSSS", 78, 22},
  };
  for (const Published& p : published) {
    const LayerPattern pattern = LayerPattern::from_letters(p.letters);
    CAPTURE(p.letters);
    CHECK(pattern.num_layers() == p.layers);
    CHECK(pattern.num_full() == p.full);
  }
}

TEST_CASE("layer_pattern: dialect names") {
  for (const Dialect dialect : kAll) CHECK(parse_dialect(dialect_name(dialect)) == dialect);
  CHECK(parse_dialect("auto") == Dialect::automatic);
  CHECK(contains(message_of<InvalidArgument>([] { parse_dialect("trt"); }),
                 "auto, paper, hf, vllm, sglang, atom, got 'trt'"));
}

}  // namespace dsabench::test
