#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "engine/model/model_config_keys.h"

namespace dsabench::detail {
namespace {

/// is_moe from mlp_layer_types, which wins, or first_k_dense_replace.
void parse_layer_types(ConfigReader& reader, ModelConfig& config) {
  constexpr std::int64_t kLargestList = 1 << 14;
  const auto types = reader.strings("mlp_layer_types");
  const auto first_dense = reader.integer("first_k_dense_replace", 0, kMaxConfigSize);
  if (types) {
    for (const std::string& type : *types) {
      if (type != "dense" && type != "sparse") {
        reader.fail("mlp_layer_types", "a list of \"dense\" and \"sparse\"");
      }
      config.is_moe.push_back(type == "sparse");
    }
    const auto dense_run = std::find(config.is_moe.begin(), config.is_moe.end(), true);
    const bool agrees = std::find(dense_run, config.is_moe.end(), false) == config.is_moe.end() &&
                        dense_run - config.is_moe.begin() == first_dense.value_or(0);
    if (first_dense && !agrees) {
      config.notices.push_back("first_k_dense_replace overridden by mlp_layer_types");
    }
    return;
  }
  if (config.num_layers > kLargestList) {
    reader.fail("num_hidden_layers", fmt::format("at most {}", kLargestList));
  }
  const std::int64_t dense =
      value_or(first_dense, "first_k_dense_replace", std::int64_t{3}, config);
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    config.is_moe.push_back(layer >= dense);
  }
}

/// n_routed_experts under any of its three names.
std::int64_t parse_num_experts(ConfigReader& reader) {
  std::optional<std::int64_t> experts;
  for (const char* key : {"n_routed_experts", "num_experts", "num_local_experts"}) {
    const auto value = reader.integer(key, 1, kMaxConfigSize);
    if (value && experts && *value != *experts) {
      reader.fail(key,
                  fmt::format("equal to the number of experts under its other name, {}", *experts));
    }
    if (value) experts = value;
  }
  if (!experts) reader.fail("n_routed_experts", "the number of routed experts");
  return *experts;
}

}  // namespace

void parse_feed_forward(ConfigReader& reader, ModelConfig& config) {
  parse_layer_types(reader, config);
  const auto of_layers = [&](bool moe) {
    return std::find(config.is_moe.begin(), config.is_moe.end(), moe) != config.is_moe.end();
  };
  if (of_layers(false)) {
    config.dense_intermediate_size = reader.size("intermediate_size");
  } else {
    reader.ignore("intermediate_size");
  }
  if (!of_layers(true)) {
    for (const char* key : {"moe_intermediate_size", "n_routed_experts", "num_experts",
                            "num_local_experts", "num_experts_per_tok", "n_shared_experts",
                            "n_group", "topk_group", "norm_topk_prob", "routed_scaling_factor"}) {
      reader.ignore(key);
    }
    return;
  }
  config.expert_intermediate_size = reader.size("moe_intermediate_size");
  config.num_experts = parse_num_experts(reader);
  config.experts_per_token = reader.size("num_experts_per_tok");
  config.num_shared_experts = reader.is_null("n_shared_experts")
                                  ? 0
                                  : value_or(reader.integer("n_shared_experts", 0, kMaxConfigSize),
                                             "n_shared_experts", std::int64_t{1}, config);
  config.expert_groups = reader.integer("n_group", 1, kMaxConfigSize).value_or(1);
  config.topk_expert_groups = reader.integer("topk_group", 1, kMaxConfigSize).value_or(1);
  config.normalize_expert_weights = reader.boolean("norm_topk_prob").value_or(true);
  config.routed_scaling_factor =
      value_or(reader.number("routed_scaling_factor"), "routed_scaling_factor", 2.5, config);
}

}  // namespace dsabench::detail
