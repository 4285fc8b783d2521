#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "suites/suite.h"

namespace dsabench {

/// What every suite.json states about itself.
struct SuiteData {
  std::string name, version, description, licence;
  std::vector<std::string> tasks;  ///< names, in the file's order
};

/// Parses a suite.json. `path` names it in messages. Throws ParseError.
nlohmann::json parse_suite_json(std::string_view path, std::string_view text);
SuiteData read_suite_data(const nlohmann::json& json);

/// The tasks that a request asks for, in its order; all where it names none. Throws InvalidArgument
/// where a task is unknown or named twice, or the context or the sample count is below one.
std::vector<std::string> requested_tasks(const Suite& suite, const SuiteRequest& request);

}  // namespace dsabench
