#include "results/gate/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "kernels/base/error.h"

namespace dsabench::gate {
namespace {

/// The metrics of a side's ok trials, in order of first appearance; answers count as one.
struct Measured {
  std::vector<const MetricSamples*> metrics;
  bool answers = false;

  explicit Measured(const std::vector<Observation>& side) {
    std::set<std::string_view> seen;
    for (const Observation& one : side) {
      for (const TrialRecord* trial : one.view->ok_trials) {
        answers |= !trial->answers.empty();
        for (const MetricSamples& metric : trial->metrics) {
          if (!metric.values.empty() && seen.insert(metric.name).second) {
            metrics.push_back(&metric);
          }
        }
      }
    }
  }
  bool has(const std::string& name) const {
    return std::any_of(metrics.begin(), metrics.end(),
                       [&](const MetricSamples* metric) { return metric->name == name; });
  }
};

/// The first entry of the policy that fits, by name or as a wildcard.
const GatedMetric* entry_for(const GatePolicy& policy, const CellRecord& cell,
                             const std::string& name, bool is_exact) {
  for (const GatedMetric& gated : policy.metrics) {
    const bool named = gated.metric == name || (is_exact && gated.metric == "exact");
    if (named && fits(gated, cell)) return &gated;
  }
  return nullptr;
}

void check_kind(const GatedMetric& gated, const MetricSamples& metric) {
  if (gated.kind != MetricKind::time || metric.better == "lower") return;
  throw InvalidArgument(
      fmt::format("gate: metric {} cannot be of kind time: better is \"{}\", not \"lower\"",
                  metric.name, metric.better));
}

}  // namespace

std::vector<AskedMetric> asked_metrics(const GatePolicy& policy, const EvidenceCell& cell,
                                       std::set<const GatedMetric*>& used) {
  const Measured base(cell.base), candidate(cell.candidate);
  const CellRecord& record = cell.base.front().view->cell();
  if (base.metrics.empty() && !base.answers) {
    for (const GatedMetric& gated : policy.metrics) {
      if (fits(gated, record)) used.insert(&gated);
    }
    return {};
  }
  std::vector<AskedMetric> asked;
  for (const MetricSamples* metric : base.metrics) {
    const GatedMetric* gated = entry_for(policy, record, metric->name, metric->better == "exact");
    if (gated == nullptr) continue;
    check_kind(*gated, *metric);
    used.insert(gated);
    asked.push_back({gated, metric->name, metric->unit, gated->metric != metric->name,
                     !candidate.has(metric->name)});
  }
  for (const char* name : {"tokens", "score"}) {
    const GatedMetric* gated = base.answers ? entry_for(policy, record, name, false) : nullptr;
    if (gated == nullptr) continue;
    used.insert(gated);
    asked.push_back({gated, name, name == std::string("tokens") ? "items" : "points", false,
                     !candidate.answers});
  }
  return asked;
}

void require_fitting(const GatePolicy& policy, const std::set<const GatedMetric*>& used,
                     const std::vector<EvidenceCell>& cells) {
  std::string missing;
  for (const GatedMetric& gated : policy.metrics) {
    if (!gated.required || used.count(&gated) > 0) continue;
    missing = gated.metric;
    for (const auto& [key, value] : gated.where) missing += fmt::format(", {} {}", key, value);
    break;
  }
  if (missing.empty() && !used.empty()) return;
  std::set<std::string> known;
  for (const EvidenceCell& cell : cells) {
    const Measured base(cell.base);
    for (const MetricSamples* metric : base.metrics) known.insert(metric->name);
    if (base.answers) known.insert({"score", "tokens"});
  }
  throw InvalidArgument(fmt::format("gate: no cell of the base has {}; there are: {}",
                                    missing.empty() ? "a metric of the policy" : missing,
                                    fmt::join(known, ", ")));
}

}  // namespace dsabench::gate
