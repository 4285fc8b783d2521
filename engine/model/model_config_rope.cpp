#include <fmt/format.h>

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

/// What rope_parameters, or rope_scaling, says.
struct RopeKeys {
  std::optional<double> theta;
  std::optional<ops::YarnScaling> yarn;
};

/// Files carry keys of other rope types and of other readers: they change nothing and are named in
/// a notice. Refused are those that would: an object (frequencies of its own per layer type), and a
/// factor without a type.
void check_unknown_keys(ConfigReader& rope, bool has_type, ModelConfig& config) {
  const std::vector<std::string> unknown = rope.unknown_keys();
  for (const std::string& key : unknown) {
    if (rope.is_object(key)) rope.fail(key, "absent: all layers have the same frequencies");
    if (!has_type && key == "factor") rope.fail("rope_type", "given where there is a factor");
  }
  if (unknown.empty()) return;
  config.notices.push_back(fmt::format("keys of {} not known and ignored: {}",
                                       rope.prefix().substr(0, rope.prefix().size() - 1),
                                       fmt::join(unknown, ", ")));
}

RopeKeys parse_rope_keys(ConfigReader& rope, ModelConfig& config) {
  RopeKeys keys;
  keys.theta = rope.number("rope_theta");
  const auto new_type = rope.string("rope_type");
  const auto old_type = rope.string("type");
  if (new_type && old_type && *new_type != *old_type) {
    rope.fail("type", fmt::format("equal to rope_type \"{}\"", *new_type));
  }
  const std::string type = new_type ? *new_type : old_type.value_or("default");
  if (type != "default" && type != "yarn") {
    rope.fail(new_type ? "rope_type" : "type", "\"default\" or \"yarn\"");
  }
  if (type == "yarn") keys.yarn = parse_yarn(rope, config);
  const auto partial = rope.number("partial_rotary_factor");
  if (partial && *partial != 1.0) rope.fail("partial_rotary_factor", "1");
  check_unknown_keys(rope, new_type || old_type, config);
  return keys;
}

}  // namespace

void parse_rope(ConfigReader& reader, ModelConfig& config) {
  config.rope.dim = config.qk_rope_dim;
  auto rope = reader.object("rope_parameters");
  auto scaling = reader.object("rope_scaling");
  RopeKeys keys;
  if (rope) keys = parse_rope_keys(*rope, config);
  if (scaling) {
    ModelConfig ignored = config;  // its notices would be said twice
    const RopeKeys old = parse_rope_keys(*scaling, rope ? ignored : config);
    const bool same_theta = !old.theta || !keys.theta || old.theta == keys.theta;
    if (rope && (old.yarn != keys.yarn || !same_theta)) {
      reader.fail("rope_scaling", "absent or equal to rope_parameters");
    }
    if (!rope) keys = old;
    if (!keys.theta) keys.theta = old.theta;
  }
  const std::optional<double> old_theta = reader.number("rope_theta");
  if (keys.theta && old_theta && *keys.theta != *old_theta) {
    reader.fail("rope_theta", fmt::format("equal to rope_parameters.rope_theta {}", *keys.theta));
  }
  config.rope.theta = value_or(keys.theta ? keys.theta : old_theta, "rope_theta", 10000.0, config);
  config.rope.yarn = keys.yarn;
}

}  // namespace dsabench::detail
