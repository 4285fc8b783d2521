#include "harness/cli/policy_file.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

const char* kind_name(MetricKind kind) {
  switch (kind) {
    case MetricKind::time:
      return "time";
    case MetricKind::exact:
      return "exact";
    case MetricKind::quality:
      return "quality";
  }
  return "?";
}

}  // namespace

GatePolicy load_policy(const std::string& path) {
  if (path.empty()) return default_gate_policy();
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw IoError("cannot read the policy " + path);
  return parse_gate_policy(text.str(), path);
}

nlohmann::json to_json(const GatePolicy& policy) {
  nlohmann::json metrics = nlohmann::json::array();
  for (const GatedMetric& metric : policy.metrics) {
    nlohmann::json entry = {
        {"metric", metric.metric}, {"kind", kind_name(metric.kind)}, {"required", metric.required}};
    if (metric.kind != MetricKind::exact) entry["margin"] = metric.margin;
    for (const auto& [key, value] : metric.where) entry["where"][key] = value;
    metrics.push_back(std::move(entry));
  }
  return {{"metrics", metrics},
          {"alpha", policy.alpha},
          {"confidence", policy.confidence},
          {"noise_factor", policy.noise_factor},
          {"require_calibration", policy.require_calibration},
          {"seed", policy.seed}};
}

}  // namespace dsabench
