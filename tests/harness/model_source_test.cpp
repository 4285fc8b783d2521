#include "harness/target/model_source.h"

#include <filesystem>

#include "engine/text/word_level_tokenizer.h"
#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

using test::contains;
using test::message_of;

const std::string kGolden = DSABENCH_TEST_DATA "/golden/glm_moe_dsa_tiny";

ModelRequest request_for(const std::string& model) {
  ModelRequest request;
  request.model = model;
  return request;
}

TEST_CASE("a preset has generated weights, a tokenizer of bytes and a stable identity") {
  const LoadedModel a = load_model(test::tiny_request());
  const LoadedModel b = load_model(test::tiny_request());
  CHECK(a.identity.synthetic);
  REQUIRE(a.tokenizer);
  CHECK(a.tokenizer->id() == "bytes");
  CHECK(a.identity.id == b.identity.id);
  CHECK(contains(a.identity.json, R"("seed":0)"));

  ModelRequest other = test::tiny_request();
  other.seed = 1;
  CHECK(load_model(other).identity.id != a.identity.id);
  other = test::tiny_request();
  other.picks = Picks::random;
  CHECK(load_model(other).identity.id != a.identity.id);
}

TEST_CASE("a checkpoint is named after its folder and cannot be overridden") {
  const ModelConfig config = resolve_model_config(request_for(kGolden + "/"));
  CHECK(config.name == "glm_moe_dsa_tiny");
  CHECK_FALSE(has_generated_weights(request_for(kGolden)));
  ModelRequest changed = request_for(kGolden);
  changed.overrides = {{"hidden_size", "32"}};
  CHECK(
      contains(message_of<InvalidArgument>([&] { resolve_model_config(changed); }), "hidden_size"));
  const LoadedModel model = load_model(request_for(kGolden));
  CHECK_FALSE(model.identity.synthetic);
  CHECK(contains(model.identity.json, model.weights->content_id));
}

TEST_CASE("a config is a path or relative to the checkpoint") {
  ModelRequest relative = request_for(kGolden), absolute = relative;
  relative.config_file = "config_legacy.json";
  absolute.config_file = kGolden + "/config_legacy.json";
  CHECK(to_json(resolve_model_config(relative)) == to_json(resolve_model_config(absolute)));
  ModelRequest of_preset = request_for("demo");
  of_preset.config_file = "config.json";
  CHECK(
      contains(message_of<InvalidArgument>([&] { resolve_model_config(of_preset); }), "--config"));
}

TEST_CASE("a config file alone gets generated weights") {
  const test::ScratchFolder folder;
  const std::string path = folder / "mine.json";
  std::filesystem::copy_file(kGolden + "/config.json", path);
  const ModelConfig config = resolve_model_config(request_for(path));
  CHECK(config.name == "mine");
  CHECK(has_generated_weights(request_for(path)));
}

/// A checkpoint with this tokenizer.json.
void make_checkpoint(const test::ScratchFolder& folder, const std::string& tokenizer) {
  for (const char* file : {"config.json", "model.safetensors"}) {
    std::filesystem::copy_file(kGolden + "/" + file, folder / file);
  }
  test::write_text(folder / "tokenizer.json", tokenizer);
}

std::string word_level_json(std::int64_t num_words) {
  WordLevelTokenizer::Vocabulary vocabulary{{"<unk>"}, "<unk>", {}};
  while (std::ssize(vocabulary.words) < num_words) {
    vocabulary.words.push_back("w" + std::to_string(vocabulary.words.size()));
  }
  return WordLevelTokenizer(vocabulary).to_json();
}

TEST_CASE("a checkpoint with a tokenizer that cannot be read has none, and says so") {
  const test::ScratchFolder folder;
  make_checkpoint(folder, R"({"model": {"type": "BPE"}})");
  const LoadedModel model = load_model(request_for(folder.path()));
  CHECK_FALSE(model.tokenizer);
  REQUIRE(model.notices.size() == 1);
  CHECK(contains(model.notices[0], "tokenizer.json"));
}

TEST_CASE("a checkpoint with a tokenizer of words reads words, which are part of its identity") {
  const test::ScratchFolder folder, other;
  make_checkpoint(folder, word_level_json(20));
  make_checkpoint(other, word_level_json(21));
  const LoadedModel model = load_model(request_for(folder.path()));
  REQUIRE(model.tokenizer);
  CHECK(model.notices.empty());
  CHECK(model.tokenizer->encode("w7 w19 w20") == std::vector<std::int32_t>{7, 19, 0});
  CHECK(contains(model.identity.json, model.tokenizer->id()));
  CHECK(load_model(request_for(other.path())).identity.id != model.identity.id);
}

TEST_CASE("a tokenizer with more words than the model has tokens is refused") {
  const std::int64_t vocab = resolve_model_config(request_for(kGolden)).vocab_size;
  const test::ScratchFolder fits, exceeds;
  make_checkpoint(fits, word_level_json(vocab));
  make_checkpoint(exceeds, word_level_json(vocab + 1));
  CHECK(load_model(request_for(fits.path())).tokenizer->vocab_size() == vocab);
  const std::string message =
      message_of<InvalidArgument>([&] { load_model(request_for(exceeds.path())); });
  CHECK(contains(message, "tokenizer.json"));
  CHECK(contains(message, "got " + std::to_string(vocab + 1)));
}

TEST_CASE("an unknown model lists the presets") {
  const std::string message =
      message_of<InvalidArgument>([] { resolve_model_config(request_for("no-such-model")); });
  CHECK(contains(message, "no-such-model"));
  CHECK(contains(message, "glm-4.7-flash-dsa"));
}

TEST_CASE("a model's name that no path can have is an unknown model") {
  for (const std::size_t length : {300, 5000}) {
    const std::string name = "models/" + std::string(length, 'x');
    CHECK(contains(message_of<InvalidArgument>([&] { resolve_model_config(request_for(name)); }),
                   name));
  }
}

TEST_CASE("what cannot fit in memory is refused before it is generated") {
  try {
    load_model(request_for("glm-5"));  // 744 G parameters
    FAIL("loaded 3 TB");
  } catch (const OutOfMemory& error) {
    CHECK(error.bytes() > 1'000'000'000'000);
    CHECK(contains(error.what(), "glm-5"));
  }
}

}  // namespace
}  // namespace dsabench
