#include "suites/facts/task_list.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kernels/base/error.h"
#include "suite_files.h"
#include "suites/suite_data.h"

namespace dsabench::facts {
namespace {

constexpr const char* kPath = "suites/facts/tasks.json";

struct Kind {
  std::string_view name, family;
  std::unique_ptr<Task> (*make)(const nlohmann::json& task);
};

constexpr Kind kKinds[] = {{"key_value", "box", make_key_value_task},
                           {"key_pair", "pair", make_key_pair_task},
                           {"chain", "link", make_chain_task},
                           {"common", "bell", make_common_task},
                           {"walk", "edge", make_walk_task},
                           {"parents", "edge", make_parents_task},
                           {"ith", "say", make_ith_task},
                           {"documents", "doc", make_documents_task},
                           {"modular", "count", make_modular_task},
                           {"boolean", "signal", make_boolean_task},
                           {"sort", "rank", make_sort_task},
                           {"instruct", "rule", make_instruct_task}};

NamedTask read_task(const nlohmann::json& json) {
  const std::string kind = json.at("kind");
  for (const Kind& known : kKinds) {
    if (known.name != kind) continue;
    return {json.at("name"), std::string(known.family), json.at("records"), known.make(json)};
  }
  throw ParseError(kPath, fmt::format("unknown kind '{}'", kind));
}

}  // namespace

std::span<const NamedTask> all_tasks() {
  static const std::vector<NamedTask> tasks = [] {
    std::vector<NamedTask> list;
    const auto json = parse_suite_json(kPath, embedded::suite_files::facts_tasks_json);
    for (const auto& task : json.at("tasks")) list.push_back(read_task(task));
    return list;
  }();
  return tasks;
}

const NamedTask& find_task(std::string_view name) {
  std::vector<std::string> names;
  for (const NamedTask& task : all_tasks()) {
    if (task.name == name) return task;
    names.push_back(task.name);
  }
  throw InvalidArgument(
      fmt::format("unknown task '{}'; there are: {}", name, fmt::join(names, ", ")));
}

}  // namespace dsabench::facts
