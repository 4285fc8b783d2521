#pragma once
/// Parts of parse_model_config, by topic.
#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "engine/model/config_reader.h"
#include "engine/model/model_config.h"

namespace dsabench::detail {

/// The value of a key, or the family's default with a notice: nothing is defaulted silently.
template <class T>
T value_or(std::optional<T> value, std::string_view key, T fallback, ModelConfig& config) {
  if (value) return *value;
  config.notices.push_back(fmt::format("{} absent: took {}, the default of {}", key, fallback,
                                       model_family_name(config.family)));
  return fallback;
}

/// Reads rope_parameters (new) or rope_theta and rope_scaling (old); both may be given when they
/// agree. Needs the config's sizes.
void parse_rope(ConfigReader& reader, ModelConfig& config);

/// Reads which layers are mixtures of experts and the sizes that those and the dense ones need.
void parse_feed_forward(ConfigReader& reader, ModelConfig& config);

}  // namespace dsabench::detail
