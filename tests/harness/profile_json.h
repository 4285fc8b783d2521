#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "tests/support/catch.h"

namespace dsabench::test {

/// The rows of a profile's tables in JSON, which names them by their titles.
inline std::map<std::string, nlohmann::json> profile_rows(const std::string& out) {
  constexpr std::pair<const char*, const char*> kNames[] = {
      {"Profile: ", "profile"},
      {"Stages of a sample", "profile_stages"},
      {"Full layers against", "profile_layer_groups"},
      {"Layers", "profile_layers"},
      {"Kernels, copies and fills", "profile_kernels"},
      {"What reuse of indices", "profile_reuse"},
      {"Ceilings", "ceilings"}};
  std::map<std::string, nlohmann::json> tables;
  const nlohmann::json document = nlohmann::json::parse(out);
  for (const nlohmann::json& table : document.at("tables")) {
    const std::string title = table.at("title");
    std::string known;
    for (const auto& [begin, name] : kNames) {
      if (title.starts_with(begin)) known = name;
    }
    CAPTURE(title);
    REQUIRE_FALSE(known.empty());
    tables[known] = table.at("rows");
  }
  return tables;
}

}  // namespace dsabench::test
