#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace dsabench::report {

/// A JSON object that this build need not have written; an empty one for what is none.
inline nlohmann::json parse_object(const std::string& text) {
  nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
  return value.is_object() ? value : nlohmann::json::object();
}

}  // namespace dsabench::report
