#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "harness/profile/cupti.h"
#include "tests/harness/cli_calls.h"
#include "tests/harness/cupti_script.h"

namespace dsabench::test {

/// `profile` of the miniature; `db` empty: one of the process.
inline std::vector<std::string> quick_profile(const std::vector<std::string>& more,
                                              const std::string& db = "") {
  static const ScratchFolder folder;
  std::vector<std::string> arguments =
      with_tiny_model("profile", {"--context", "64", "--chunk", "24", "--min-samples", "2",
                                  "--max-samples", "2", "--decode-tokens", "3", "--progress",
                                  "plain", "--db", db.empty() ? folder / "profiles.db" : db});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// The CPU's engine, traced by the fake CUPTI.
inline CliSeams traced_seams() {
  CliSeams seams = quick_seams();
  seams.open_tracer = [](Device) { return std::make_shared<Cupti>(std::vector{kFakeCupti}); };
  return seams;
}

/// A script in which a Full layer of FSF launches what its indexer does.
inline constexpr const char* kFewKernels =
    "stage 0 _ZN8dsabench3ops6detail12_GLOBAL__N_118append_keys_kernelEv nvjet_tst\n"
    "stage 1 _ZN8dsabench3ops6detail12_GLOBAL__N_112score_kernelEv "
    "_ZN8dsabench3ops6detail12_GLOBAL__N_113select_kernelEv\n"
    "stage 8 -\ncopy 768\n";

/// The rows of a profile's tables in JSON, which names them by their titles.
inline std::map<std::string, nlohmann::json> profile_rows(const std::string& out) {
  constexpr std::pair<const char*, const char*> kNames[] = {
      {"Profile: ", "profile"},
      {"Stages of a sample", "profile_stages"},
      {"Full layers against", "profile_layer_groups"},
      {"Layers", "profile_layers"},
      {"Kernels, copies and fills", "profile_kernels"},
      {"What reuse of indices", "profile_reuse"},
      {"The whole model, extrapolated", "profile_whole"},
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

/// Rows by the value of a key.
inline std::map<std::string, nlohmann::json> by(const nlohmann::json& rows, const char* key) {
  std::map<std::string, nlohmann::json> found;
  for (const nlohmann::json& row : rows) {
    found[row.at(key).is_string() ? row.at(key).get<std::string>() : row.at(key).dump()] = row;
  }
  return found;
}

inline bool is_near(const nlohmann::json& value, double expected) {
  return std::abs(value.get<double>() - expected) <= 1e-9 * std::abs(expected);
}

}  // namespace dsabench::test
