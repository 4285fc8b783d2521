#pragma once
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/model/model_config.h"

namespace dsabench {

/// A published or synthetic architecture that ships with the program (models/*.json): a Hugging
/// Face config.json with one key more, "dsabench" {"description", "weights"}.
struct ModelPreset {
  std::string name;         ///< "glm-4.7-flash-dsa"
  std::string description;  ///< one line
  std::string config_json;
};

/// All presets, sorted by name. Their weights are generated (generate_shape_weights).
std::span<const ModelPreset> model_presets();
/// Null where no preset has the name.
const ModelPreset* find_preset(std::string_view name);
/// Throws InvalidArgument listing the names.
const ModelPreset& preset(std::string_view name);

/// One `key=value` for a shape model: num_hidden_layers=8, rope_parameters.rope_theta=10000.
using ConfigOverride = std::pair<std::string, std::string>;
/// Splits "key=value"; throws InvalidArgument without a key or '='.
ConfigOverride parse_config_override(std::string_view text);

/// Replaces values of a config's JSON text. A key must be one the text has (inside an object after
/// a dot), and the value, read as JSON (else as a string), of the same kind as the one it replaces.
/// Throws InvalidArgument naming key, value and, for an unknown key, the keys there are.
std::string apply_overrides(const std::string& config_json,
                            std::span<const ConfigOverride> overrides);

/// The parsed, validated config of a preset under overrides, named after the preset.
ModelConfig preset_config(const ModelPreset& preset,
                          std::span<const ConfigOverride> overrides = {});

}  // namespace dsabench
