#include "results/gate/evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

using nlohmann::json;

void apply_settings(const std::string& settings_json, GateEvidence& evidence) {
  const json settings = json::parse(settings_json, nullptr, false);
  if (!settings.is_object()) return;
  const json looks = settings.value("looks", json());
  if (looks.is_array() && !looks.empty()) {
    evidence.alpha_share = 1.0 / static_cast<double>(looks.size());
  }
  const json ignored = settings.value("ignored_keys", json());
  if (!ignored.is_array()) return;
  for (const json& key : ignored) {
    if (key.is_string()) evidence.ignored_keys.push_back(key.get<std::string>());
  }
}

}  // namespace

GateEvidence load_evidence(const ResultStore& store, const ComparisonRecord& comparison) {
  GateEvidence evidence;
  evidence.paired = true;
  apply_settings(comparison.settings_json, evidence);
  for (const ComparisonSample& sample : comparison.samples) {
    evidence.samples.push_back(
        {sample.arm, sample.round, sample.place, store.load_values(sample.run_id)});
  }
  return evidence;
}

GateEvidence load_evidence(const ResultStore& store, const BaselineRecord& baseline,
                           const std::vector<std::string>& run_ids) {
  GateEvidence evidence;
  const auto add = [&](Arm arm, const std::vector<std::string>& runs) {
    for (std::size_t i = 0; i < runs.size(); ++i) {
      evidence.samples.push_back(
          {arm, static_cast<std::int64_t>(i), 0, store.load_values(runs[i])});
    }
  };
  std::set<std::string> seen(baseline.run_ids.begin(), baseline.run_ids.end());
  for (const std::string& run_id : run_ids) {
    if (seen.insert(run_id).second) continue;
    const bool own = std::count(baseline.run_ids.begin(), baseline.run_ids.end(), run_id) > 0;
    throw InvalidArgument(
        fmt::format("gate: run {} {}", run_id,
                    own ? "is one of baseline " + baseline.name : std::string("is named twice")));
  }
  add(Arm::base, baseline.run_ids);
  add(Arm::candidate, run_ids);
  return evidence;
}

const BaselineRecord* find_in_force(const std::vector<BaselineRecord>& newest_first,
                                    const std::string& name) {
  const auto found =
      std::find_if(newest_first.begin(), newest_first.end(), [&](const BaselineRecord& baseline) {
        return baseline.name == name && baseline.retired_ms == 0;
      });
  return found == newest_first.end() ? nullptr : &*found;
}

}  // namespace dsabench
