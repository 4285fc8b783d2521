#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "kernels/base/error.h"
#include "results/gate.h"
#include "results/gate/evidence.h"
#include "results/gate/noise_floor.h"
#include "results/overlap_record.h"
#include "results/report/html/report.h"

namespace dsabench {
namespace {

constexpr std::size_t kMaxRuns = 8;
/// Of which a history is made.
constexpr std::int64_t kFewestRuns = 4;

bool has_trials(const ResultStore& store, const std::string& run_id) {
  return !store.load_progress(run_id).tried.empty();
}

/// The runs that are processes of a comparison.
std::set<std::string> runs_of_comparisons(const ResultStore& store) {
  std::set<std::string> runs;
  for (const ComparisonRecord& comparison : store.list_comparisons()) {
    for (const ComparisonSample& sample : comparison.samples) runs.insert(sample.run_id);
  }
  return runs;
}

/// Sweeps; the others follow by their status.
bool is_sweep(const RunRecord& run) {
  return run.status != kProfileStatus && run.status != kSearchStatus &&
         run.status != kOverlapStatus;
}

/// What the comparison was asked with.
GatePolicy policy_of(const ComparisonRecord& comparison) {
  const auto settings = nlohmann::json::parse(comparison.settings_json, nullptr, false);
  if (!settings.is_object() || !settings.contains("policy")) return default_gate_policy();
  return parse_gate_policy(settings["policy"].dump(),
                           "the policy of comparison " + comparison.comparison_id);
}

/// "base against FSSS (01a2...)".
std::string name_of(const ComparisonRecord& comparison) {
  std::map<Arm, std::string> labels;
  for (const ComparisonArm& arm : comparison.arms) labels[arm.arm] = arm.label;
  return fmt::format("{} against {}, comparison {}", labels[Arm::candidate], labels[Arm::base],
                     comparison.comparison_id);
}

std::vector<Table> verdict_tables(const ResultStore& store, const ComparisonRecord& comparison) {
  GateEvidence evidence = load_evidence(store, comparison);
  add_noise_floors(evidence, store);
  std::vector<Table> tables = gate_tables(judge(policy_of(comparison), evidence));
  for (Table& table : tables) {
    table.title += ": " + name_of(comparison);
    if (comparison.status != "done") {
      table.notes.push_back("the comparison is not complete: " + comparison.status);
    }
  }
  return tables;
}

/// Of the newest comparisons of two builds, patterns or configurations.
std::vector<Table> newest_verdicts(const ResultStore& store) {
  constexpr int kMaxComparisons = 3;
  std::vector<Table> all;
  int shown = 0;
  for (const ComparisonRecord& comparison : store.list_comparisons()) {
    if (comparison.kind != "ab" || comparison.samples.empty()) continue;
    if (++shown > kMaxComparisons) break;
    try {
      for (Table& table : verdict_tables(store, comparison)) {
        table.name += shown > 1 ? fmt::format("_{}", shown) : "";
        all.push_back(std::move(table));
      }
    } catch (const InvalidArgument& error) {
      Table& table = all.emplace_back();
      table.title = "No verdict: " + name_of(comparison);
      table.name = fmt::format("no_verdict_{}", shown);
      table.columns = {{"comparison", "comparison", ""}, {"reason", "reason", ""}};
      table.rows = {{comparison.comparison_id, std::string(error.what())}};
    }
  }
  return all;
}

bool is_newer(const RunRecord& a, const RunRecord& b) {
  return std::pair(a.started_ms, a.run_id) > std::pair(b.started_ms, b.run_id);
}

}  // namespace

std::vector<std::string> runs_to_report(const ResultStore& store) {
  const std::vector<RunRecord> runs = store.list_runs();
  const std::set<std::string> compared = runs_of_comparisons(store);
  std::vector<std::string> chosen;
  std::set<std::string> plans;
  for (const RunRecord& run : runs) {
    if (chosen.size() == kMaxRuns) break;
    if (!is_sweep(run) || compared.count(run.run_id) != 0) continue;
    // Runs of schema 1 have no plan.
    const std::string plan = run.plan_id.empty() ? run.command_line : run.plan_id;
    if (plans.count(plan) != 0 || !has_trials(store, run.run_id)) continue;
    plans.insert(plan);
    chosen.push_back(run.run_id);
  }
  for (const char* status : {kSearchStatus, kOverlapStatus}) {
    std::set<std::string> models;
    for (const RunRecord& run : runs) {
      const bool first = run.status == status && models.insert(run.model_id).second;
      if (first) chosen.push_back(run.run_id);
    }
  }
  return chosen;
}

ReportInput load_report(const ResultStore& store, const std::vector<std::string>& run_ids) {
  ReportInput input;
  input.database = store.path();
  const std::set<std::string> distinct(run_ids.begin(), run_ids.end());
  for (const std::string& id : distinct) {
    RunResults results = store.load_run(id);
    const std::string status = results.run.status;
    if (status == kProfileStatus) {
      throw InvalidArgument(fmt::format(
          "run {} is a profile: its times are nobody's measurement and no report shows them", id));
    }
    if (status == kOverlapStatus) {
      input.overlaps.push_back(std::move(results));
    } else if (std::optional<SearchRecord> search = store.load_search(id)) {
      input.searches.push_back({std::move(results.run), *std::move(search)});
    } else {
      input.runs.push_back(std::move(results));
    }
  }
  const auto by_age = [](const auto& a, const auto& b) { return is_newer(a.run, b.run); };
  std::sort(input.runs.begin(), input.runs.end(), by_age);
  std::sort(input.searches.begin(), input.searches.end(), by_age);
  std::sort(input.overlaps.begin(), input.overlaps.end(), by_age);
  input.histories = store.load_histories(kFewestRuns);
  input.verdicts = newest_verdicts(store);
  return input;
}

}  // namespace dsabench
