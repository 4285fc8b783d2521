#include "results/gate.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "harness/cli/exit_codes.h"
#include "harness/cli/policy_file.h"
#include "harness/cli/result_output.h"
#include "harness/cli/results_database.h"
#include "harness/cli/step_summary.h"
#include "harness/run/terminal_text.h"
#include "kernels/base/error.h"
#include "results/gate/evidence.h"
#include "results/gate/noise_floor.h"

namespace dsabench {
namespace {

/// The policy that was asked for, else the one that the comparison was made with.
GatePolicy policy_for(const std::string& file, const ComparisonRecord& comparison) {
  const auto settings = nlohmann::json::parse(comparison.settings_json, nullptr, false);
  if (!file.empty() || !settings.is_object() || !settings.contains("policy")) {
    return load_policy(file);
  }
  return parse_gate_policy(settings.at("policy").dump(),
                           "the policy of comparison " + comparison.comparison_id);
}

GateReport judge_comparison(const GateVerbOptions& options, const ResultStore& store) {
  const ComparisonRecord comparison = store.load_comparison(options.comparison);
  const GatePolicy policy = policy_for(options.policy, comparison);
  GateEvidence evidence = load_evidence(store, comparison);
  add_noise_floors(evidence, store);
  GateReport report = judge(policy, evidence);
  if (comparison.status != "done") {
    report.findings.push_back(fmt::format("the comparison is not complete: {}", comparison.status));
  }
  return report;
}

GateReport judge_runs(const GateVerbOptions& options, const BaselineRecord& baseline,
                      const ResultStore& store) {
  std::vector<std::string> runs;
  for (const std::string& name : options.runs) runs.push_back(resolve_run(store, name));
  if (runs.empty()) runs.push_back(resolve_run(store, "last"));
  const GatePolicy policy = load_policy(options.policy);
  GateEvidence evidence = load_evidence(store, baseline, runs);
  add_noise_floors(evidence, store);
  return judge(policy, evidence);
}

void check_options(const GateVerbOptions& options) {
  if (options.comparison.empty() == options.baseline.empty()) {
    throw InvalidArgument("gate: give either --comparison or --baseline");
  }
  if (!options.comparison.empty() && !options.runs.empty()) {
    throw InvalidArgument("gate: runs go with --baseline, and a comparison has its own: got " +
                          options.runs.front());
  }
}

}  // namespace

ExitCode run_gate(const GateVerbOptions& options, const Invocation& invocation) {
  check_options(options);
  const ResultOutput output(options.output, invocation.out);
  const ResultStore store = open_for_reading(options.db, invocation);
  GateReport report;
  if (!options.comparison.empty()) {
    report = judge_comparison(options, store);
  } else {
    const std::vector<BaselineRecord> baselines = store.list_baselines();
    const BaselineRecord* baseline = find_in_force(baselines, options.baseline);
    if (baseline == nullptr) {
      invocation.err << "dsabench: "
                     << terminal_text(fmt::format(
                            "gate: there is no baseline \"{}\" in force in {}; make one with "
                            "\"dsabench baseline promote\"",
                            options.baseline, options.db))
                     << '\n';
      return ExitCode::no_baseline;
    }
    report = judge_runs(options, *baseline, store);
  }
  const std::vector<Table> tables = gate_tables(report);
  output.write(tables);
  append_step_summary(tables, invocation.err);
  return exit_code_of(report);
}

}  // namespace dsabench
