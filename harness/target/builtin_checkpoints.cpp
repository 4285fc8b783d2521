#include "harness/target/builtin_checkpoints.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "builtin_checkpoint_files.h"
#include "engine/model/strict_json.h"

namespace dsabench {
namespace {

namespace files = embedded::builtin_checkpoint_files;

const nlohmann::json& card() {
  static const nlohmann::json json = parse_strict_json(
      std::string(files::___models_builtin_card_json), "models/builtin/card.json");
  return json;
}

}  // namespace

std::span<const BuiltinCheckpoint> builtin_checkpoints() {
  static const std::vector<BuiltinCheckpoint> checkpoints = {
      {"builtin", "trained on the facts suites, indexers too: its accuracy is real",
       files::___models_builtin_base_config_json, files::___models_builtin_base_tokenizer_json,
       files::___models_builtin_base_model_safetensors},
      {"builtin-half", "the same, trained for uniform 1/2",
       files::___models_builtin_half_config_json, files::___models_builtin_half_tokenizer_json,
       files::___models_builtin_half_model_safetensors},
      {"builtin-quarter", "the same, trained for uniform 1/4",
       files::___models_builtin_quarter_config_json,
       files::___models_builtin_quarter_tokenizer_json,
       files::___models_builtin_quarter_model_safetensors},
      {"builtin-control",
       "builtin, trained further with all layers Full: the control of builtin-quarter",
       files::___models_builtin_control_config_json,
       files::___models_builtin_control_tokenizer_json,
       files::___models_builtin_control_model_safetensors}};
  return checkpoints;
}

const BuiltinCheckpoint* find_builtin(std::string_view name) {
  const auto all = builtin_checkpoints();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const BuiltinCheckpoint& c) { return c.name == name; });
  return found == all.end() ? nullptr : &*found;
}

const std::vector<std::pair<Retention, LayerPattern>>& builtin_patterns() {
  static const auto patterns = [] {
    std::vector<std::pair<Retention, LayerPattern>> all;
    for (const auto& entry : card().at("searched_patterns")) {
      all.emplace_back(Retention::parse(entry.at("retention").get<std::string>()),
                       LayerPattern::from_letters(entry.at("pattern").get<std::string>()));
    }
    return all;
  }();
  return patterns;
}

const std::vector<std::string>& builtin_tasks() {
  static const std::vector<std::string> tasks = card().at("solved_tasks");
  return tasks;
}

}  // namespace dsabench
