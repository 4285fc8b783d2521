#include "harness/target/builtin_checkpoints.h"

#include <algorithm>

#include "harness/target/model_source.h"
#include "suites/suite.h"
#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

using test::contains;
using test::message_of;

ModelRequest builtin_request(const std::string& name) {
  ModelRequest request;
  request.model = name;
  return request;
}

TEST_CASE("the built-in checkpoints are the files in models/builtin, and load") {
  REQUIRE(builtin_checkpoints().size() == 4);
  for (const BuiltinCheckpoint& builtin : builtin_checkpoints()) {
    INFO(builtin.name);
    const std::string folder = builtin.name == "builtin" ? "base" : builtin.name.substr(8);
    const ModelRequest from_disk = builtin_request(DSABENCH_SOURCE_DIR "/models/builtin/" + folder);
    const LoadedModel inside = load_model(builtin_request(builtin.name));
    const LoadedModel outside = load_model(from_disk);
    CHECK_FALSE(inside.identity.synthetic);
    CHECK(inside.weights->content_id == outside.weights->content_id);
    CHECK(inside.identity.id == outside.identity.id);
    CHECK(inside.weights->notices.empty());
    REQUIRE(inside.tokenizer);
    CHECK(inside.tokenizer->id() == outside.tokenizer->id());
    CHECK(inside.config->name == builtin.name);
  }
  CHECK(find_builtin("builtin-eighth") == nullptr);
}

TEST_CASE("a built-in checkpoint says the pattern that it was trained for") {
  const auto pattern = [](const char* name) {
    return LayerPattern::from_config(resolve_model_config(builtin_request(name)),
                                     Dialect::automatic);
  };
  const std::int64_t layers = pattern("builtin").num_layers();
  CHECK(pattern("builtin") == LayerPattern::all_full(layers));
  CHECK(pattern("builtin-control") == LayerPattern::all_full(layers));
  CHECK(pattern("builtin-half") == LayerPattern::uniform(layers, {1, 2}));
  CHECK(pattern("builtin-quarter") == LayerPattern::uniform(layers, {1, 4}));
}

TEST_CASE("a built-in checkpoint is no shape model") {
  ModelRequest request = builtin_request("builtin");
  request.overrides = {{"num_hidden_layers", "4"}};
  CHECK(contains(message_of<InvalidArgument>([&] { load_model(request); }), "num_hidden_layers"));
  request = builtin_request("builtin");
  request.config_file = "other.json";
  CHECK(contains(message_of<InvalidArgument>([&] { load_model(request); }), "other.json"));
  request = builtin_request("built-in");
  CHECK(contains(message_of<InvalidArgument>([&] { load_model(request); }), "builtin-quarter"));
}

TEST_CASE("what is known of the built-in model fits it") {
  const ModelConfig config = resolve_model_config(builtin_request("builtin"));
  REQUIRE(builtin_patterns().size() >= 2);
  for (const auto& [retention, pattern] : builtin_patterns()) {
    INFO(retention.to_string());
    CHECK(pattern.num_layers() == config.num_layers);
    CHECK(pattern.num_full() == LayerPattern::uniform(config.num_layers, retention).num_full());
  }
  const std::vector<std::string> tasks = find_suite("facts-compact").tasks();
  CHECK(builtin_tasks().size() >= 6);
  for (const std::string& task : builtin_tasks()) {
    INFO(task);
    CHECK(std::find(tasks.begin(), tasks.end(), task) != tasks.end());
  }
}

}  // namespace
}  // namespace dsabench
