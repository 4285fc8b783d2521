#pragma once
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/model/layer_pattern.h"

namespace dsabench {

/// A trained model that ships inside the program: models/builtin/<folder>, a Hugging Face
/// directory. How it was trained, and what it can: docs/results/.
struct BuiltinCheckpoint {
  std::string name;         ///< "builtin", "builtin-half": what --model takes
  std::string description;  ///< one line
  std::string_view config_json, tokenizer_json, safetensors;
};

/// The base model first.
std::span<const BuiltinCheckpoint> builtin_checkpoints();
/// Null where none has the name.
const BuiltinCheckpoint* find_builtin(std::string_view name);

/// What `dsabench search` found for the base model (models/builtin/card.json): retention and
/// pattern, the largest retention first.
const std::vector<std::pair<Retention, LayerPattern>>& builtin_patterns();
/// Tasks of the facts suites that the model solved (0.95 and more) before its indexers were
/// trained, in the suites' order.
const std::vector<std::string>& builtin_tasks();

}  // namespace dsabench
