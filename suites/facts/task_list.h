#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "suites/facts/task.h"

namespace dsabench::facts {

/// A task of tasks.json.
struct NamedTask {
  std::string name;
  /// The same for tasks whose statements would be taken for each other's.
  std::string family;
  std::int64_t records;  ///< what samples have; within task->records()
  std::unique_ptr<Task> task;
};

/// In the file's order.
std::span<const NamedTask> all_tasks();
/// Throws InvalidArgument listing the names.
const NamedTask& find_task(std::string_view name);

}  // namespace dsabench::facts
