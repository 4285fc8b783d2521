#include "harness/run/resume_check.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "engine/model/strict_json.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

using nlohmann::json;

/// "threads: 2 in the run, 4 here" for every value that differs, with nested keys dotted.
void list_differences(const json& before, const json& now, const std::string& prefix,
                      std::vector<std::string>& list) {
  json keys = before;
  keys.update(now);
  for (const auto& [key, unused] : keys.items()) {
    const json old_value = before.contains(key) ? before.at(key) : json();
    const json new_value = now.contains(key) ? now.at(key) : json();
    if (old_value == new_value) continue;
    if (old_value.is_object() && new_value.is_object()) {
      list_differences(old_value, new_value, prefix + key + ".", list);
      continue;
    }
    list.push_back(fmt::format("{}{}: {} in the run, {} here", prefix, key, json_excerpt(old_value),
                               json_excerpt(new_value)));
  }
}

std::string difference(const char* what, const std::string& before, const std::string& now) {
  const json old_value = json::parse(before, nullptr, false);
  const json new_value = json::parse(now, nullptr, false);
  std::vector<std::string> list;
  if (old_value.is_object() && new_value.is_object()) {
    list_differences(old_value, new_value, "", list);
  }
  return list.empty() ? std::string(what) : fmt::format("{} ({})", what, fmt::join(list, ", "));
}

}  // namespace

void check_resumable(const RunRecord& run, const ResumeHere& here, bool allow_new_machine) {
  std::vector<std::string> found;
  const bool new_machine = here.machine.id != run.machine_id,
             new_build = here.build.id != run.build_id;
  bool is_final = false;
  if (!allow_new_machine && new_machine) {
    found.push_back(difference("machine", run.machine_json, here.machine.json));
  }
  if (!allow_new_machine && new_build) {
    found.push_back(difference("build", run.build_json, here.build.json));
  }
  if (here.model_id != run.model_id) {
    found.push_back(difference("model", run.model_json, here.model_json));
    is_final = true;
  }
  if (!here.plan_difference.empty()) {
    found.push_back(fmt::format("plan ({})", here.plan_difference));
    is_final = true;
  }
  if (found.empty()) return;
  throw InvalidArgument(fmt::format(
      "run {} cannot be gone on with here, for these differ: {}; {}", run.run_id,
      fmt::join(found, "; "),
      is_final
          ? "start a new run"
          : "with --new-machine its unfinished trials are run here and it is marked as mixed"));
}

}  // namespace dsabench
