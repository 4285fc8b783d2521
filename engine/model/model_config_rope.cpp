#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "engine/model/model_config_keys.h"

namespace dsabench::detail {
namespace {

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
  yarn.truncate = rope.boolean("truncate").value_or(true);
  return yarn;
}

}  // namespace

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

}  // namespace dsabench::detail
