#include "suites/suite_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kernels/base/error.h"

namespace dsabench {

nlohmann::json parse_suite_json(std::string_view path, std::string_view text) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    throw ParseError(std::string(path), error.what());
  }
}

SuiteData read_suite_data(const nlohmann::json& json) {
  SuiteData data{
      json.at("name"), json.at("version"), json.at("description"), json.at("licence"), {}};
  for (const auto& task : json.at("tasks")) data.tasks.push_back(task.at("name"));
  return data;
}

std::vector<std::string> requested_tasks(const Suite& suite, const SuiteRequest& request) {
  if (request.context_tokens < 1) {
    throw InvalidArgument(fmt::format("suite {}: the context must be at least 1 token, got {}",
                                      suite.name(), request.context_tokens));
  }
  if (request.samples_per_task < 1) {
    throw InvalidArgument(fmt::format("suite {}: samples per task must be at least 1, got {}",
                                      suite.name(), request.samples_per_task));
  }
  const std::vector<std::string> known = suite.tasks();
  if (request.tasks.empty()) return known;
  for (auto task = request.tasks.begin(); task != request.tasks.end(); ++task) {
    if (std::find(known.begin(), known.end(), *task) == known.end()) {
      throw InvalidArgument(fmt::format("suite {}: unknown task '{}'; there are: {}", suite.name(),
                                        *task, fmt::join(known, ", ")));
    }
    if (std::find(request.tasks.begin(), task, *task) != task) {
      throw InvalidArgument(fmt::format("suite {}: task '{}' named twice", suite.name(), *task));
    }
  }
  return request.tasks;
}

}  // namespace dsabench
