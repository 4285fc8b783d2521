#include "engine/model/model_preset.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/model/strict_json.h"
#include "kernels/base/error.h"
#include "model_presets.h"

namespace dsabench {
namespace {

using nlohmann::json;

/// What a preset says about itself; an override must not touch it.
constexpr std::string_view kOwnKey = "dsabench";

std::vector<ModelPreset> read_presets() {
  std::vector<ModelPreset> presets;
  for (const auto& file : embedded::model_presets::kFiles) {
    const std::string path(file.path), text(file.content);
    const json own = parse_strict_json(text, path).at(kOwnKey);
    presets.push_back({std::filesystem::path(path).stem().string(), own.at("description"), text});
  }
  std::sort(presets.begin(), presets.end(),
            [](const ModelPreset& a, const ModelPreset& b) { return a.name < b.name; });
  return presets;
}

json parse_value(const std::string& text) {
  json value = json::parse(text, nullptr, false);
  return value.is_discarded() ? json(text) : value;
}

bool same_kind(const json& a, const json& b) {
  return a.is_number() ? b.is_number() : a.type() == b.type();
}

/// The value under a dotted key. Throws InvalidArgument where there is none.
json& find_value(json& root, const std::string& key) {
  json* object = &root;
  std::string_view rest = key;
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string part(rest.substr(0, dot));
    if (!object->is_object() || !object->contains(part) || part == kOwnKey) {
      std::vector<std::string> known;
      for (const auto& item : root.items()) {
        if (item.key() != kOwnKey) known.push_back(item.key());
      }
      throw InvalidArgument(fmt::format("override of {}: no such key; the config has {}", key,
                                        fmt::join(known, ", ")));
    }
    object = &object->at(part);
    if (dot == std::string_view::npos) return *object;
    rest.remove_prefix(dot + 1);
  }
}

}  // namespace

std::span<const ModelPreset> model_presets() {
  static const std::vector<ModelPreset> presets = read_presets();
  return presets;
}

const ModelPreset* find_preset(std::string_view name) {
  const auto presets = model_presets();
  const auto found = std::find_if(presets.begin(), presets.end(),
                                  [&](const ModelPreset& p) { return p.name == name; });
  return found == presets.end() ? nullptr : &*found;
}

const ModelPreset& preset(std::string_view name) {
  if (const ModelPreset* found = find_preset(name)) return *found;
  std::vector<std::string_view> names;
  for (const ModelPreset& p : model_presets()) names.push_back(p.name);
  throw InvalidArgument(
      fmt::format("model preset '{}' is not one of {}", name, fmt::join(names, ", ")));
}

ConfigOverride parse_config_override(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    throw InvalidArgument(fmt::format("override '{}' is not of the form key=value", text));
  }
  return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

std::string apply_overrides(const std::string& config_json,
                            std::span<const ConfigOverride> overrides) {
  json root = parse_strict_json(config_json, "config");
  for (const auto& [key, text] : overrides) {
    json& target = find_value(root, key);
    const json value = parse_value(text);
    if (!same_kind(target, value)) {
      throw InvalidArgument(fmt::format("override of {}: must be a {} as {}, got {}", key,
                                        target.type_name(), json_excerpt(target), text));
    }
    target = value;
  }
  return root.dump(2);
}

ModelConfig preset_config(const ModelPreset& preset, std::span<const ConfigOverride> overrides) {
  ModelConfig config =
      parse_model_config(apply_overrides(preset.config_json, overrides), "preset " + preset.name);
  config.name = preset.name;
  return config;
}

}  // namespace dsabench
