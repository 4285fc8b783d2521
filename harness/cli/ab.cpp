#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/cli/arm_words.h"
#include "harness/cli/comparison_session.h"
#include "harness/cli/exit_codes.h"
#include "harness/cli/policy_file.h"
#include "harness/cli/result_output.h"
#include "harness/cli/step_summary.h"
#include "harness/plan/value_lists.h"
#include "kernels/base/error.h"
#include "results/gate/noise_floor.h"

namespace dsabench {
namespace {

/// What is known of the arms once each has run once.
struct WarmArms {
  RunResults base, candidate;
  std::vector<std::string> ignored_keys;
};

WarmArms warm_up(ComparisonSession& session, const std::vector<ArmPlan>& arms) {
  session.expect_processes(2);
  WarmArms warm{session.warm_up(arms[0]), session.warm_up(arms[1]), {}};
  check_comparable(warm.base.run, warm.candidate.run);
  warm.ignored_keys = differing_keys(warm.base.plan, warm.candidate.plan);
  return warm;
}

/// What the default policy asks of two builds it cannot ask of two configurations: other work has
/// other counters, and may have other tokens.
void leave_out_exact(GatePolicy& policy, const std::vector<std::string>& keys, Progress& progress) {
  if (std::erase_if(policy.metrics, [](const GatedMetric& metric) {
        return metric.kind == MetricKind::exact;
      }) == 0) {
    return;
  }
  progress.message(
      fmt::format("the arms differ in {}: counters and tokens are not held to be equal (name them "
                  "in a --policy to do so)",
                  fmt::join(keys, ", ")));
}

/// How many times are tested at a look; the warm-up stands for a round. Throws InvalidArgument for
/// a policy that fits nothing.
std::int64_t count_tests(const GatePolicy& policy, const WarmArms& warm) {
  GateEvidence evidence;
  evidence.paired = true;
  evidence.samples = {{Arm::base, 0, 0, warm.base},
                      {Arm::twin, 0, 1, warm.base},
                      {Arm::candidate, 0, 2, warm.candidate}};
  evidence.ignored_keys = warm.ignored_keys;
  const GateReport report = judge(policy, evidence);
  return std::count_if(report.rows.begin(), report.rows.end(),
                       [](const GateRow& row) { return row.kind == MetricKind::time; });
}

std::string percent_text(double share) { return fmt::format("{:.2f} %", 100 * share); }

/// "prefill 4096 tokens 1.20 %": what a look could have seen.
std::string detectable_text(const GateReport& report) {
  std::vector<std::string> texts;
  for (const GateRow& row : report.rows) {
    if (row.kind != MetricKind::time || !(row.detectable > 0) || !std::isfinite(row.detectable)) {
      continue;
    }
    texts.push_back(fmt::format("{} {} tokens {}", row.metric, row.cell.context_tokens,
                                percent_text(row.detectable)));
  }
  return texts.empty() ? "no slowdown is detectable yet"
                       : fmt::format("detectable with 90 % power: {}", fmt::join(texts, ", "));
}

void tell_look(const AbLook& look, Progress& progress) {
  progress.message(fmt::format("look {} of {}, {} pairs: {}, {} of {} rows decided; {}",
                               look.index + 1, look.num_looks, look.num_pairs,
                               verdict_name(look.report.verdict), look.num_decided,
                               look.report.rows.size(), detectable_text(look.report)));
}

/// The arms, and how they were held against each other.
Table arms_table(const ComparisonSession& session, const std::vector<ArmPlan>& arms,
                 const WarmArms& warm, const AbOptions& options, const AbResult& result,
                 const std::string& comparison_id) {
  Table table;
  table.title = "Arms";
  table.name = "ab_arms";
  table.columns = {{"arm", "Arm", "", 0, Shown::everywhere, Role::identity},
                   {"label", "Label", ""},
                   {"binary", "Binary", ""},
                   {"build_id", "Build", ""},
                   {"model_id", "Model", "", 0, Shown::in_data},
                   {"processes", "Processes", ""}};
  for (const ArmPlan& arm : arms) {
    const RunRecord& run = (arm.arm == Arm::candidate ? warm.candidate : warm.base).run;
    table.rows.push_back({std::string(arm_name(arm.arm)), arm.label, arm.binary, run.build_id,
                          run.model_id, result.num_rounds});
  }
  table.notes.push_back(fmt::format(
      "Comparison {}: {} rounds of fresh processes in orders drawn from seed {}, after one process "
      "of base and of candidate that was thrown away; {} of {} looks taken, each with {:.3g} of "
      "alpha; at least {} pairs decide.",
      comparison_id, result.num_rounds, session.seed(), result.num_looks,
      options.looks.pairs.size(), options.looks.alpha_share, options.looks.fewest_pairs));
  if (!warm.ignored_keys.empty()) {
    table.notes.push_back(fmt::format("Cells are paired though they differ in: {}",
                                      fmt::join(warm.ignored_keys, ", ")));
  }
  if (result.out_of_time) table.notes.push_back("The time limit ended the comparison.");
  if (result.spoiled) {
    table.notes.push_back("A cell of the last round was wrong, failed or throttled.");
  }
  return table;
}

std::string settings_of(const AbVerbOptions& options, const AbOptions& ab, const WarmArms& warm,
                        const GatePolicy& policy) {
  const nlohmann::json settings = {{"looks", ab.looks.pairs},
                                   {"asked_looks", options.looks},
                                   {"alpha_share", ab.looks.alpha_share},
                                   {"fewest_pairs", ab.looks.fewest_pairs},
                                   {"ignored_keys", warm.ignored_keys},
                                   {"warmup_processes", 2},
                                   {"process_timeout", options.control.process_timeout},
                                   {"policy", to_json(policy)}};
  return settings.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void tell_plan(ComparisonSession& session, const std::vector<ArmPlan>& arms, const AbOptions& ab,
               const std::vector<std::int64_t>& asked, std::int64_t num_tests) {
  Progress& progress = session.progress();
  progress.message(fmt::format("A, A': {}; B: {}", arms.front().label, arms.back().label));
  progress.message(fmt::format("looks at {} pairs; orders from seed {}",
                               fmt::join(ab.looks.pairs, ", "), session.seed()));
  if (num_tests > 0) {
    progress.message(fmt::format("times tested at a look: {}; at least {} pairs decide", num_tests,
                                 ab.looks.fewest_pairs));
  }
  if (ab.looks.pairs != asked) {
    progress.message(fmt::format("looks before {} pairs could not decide and are put off",
                                 ab.looks.fewest_pairs));
  }
}

}  // namespace

ExitCode run_ab_verb(const AbVerbOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  const std::vector<std::int64_t> asked = parse_counts("--looks", options.looks);
  check_looks(asked);
  GatePolicy policy = load_policy(options.control.policy);
  std::vector<ArmPlan> arms = make_arms(options, invocation.seams.program);
  ComparisonSession session(options.control, invocation);
  Progress& progress = session.progress();

  const WarmArms warm = warm_up(session, arms);
  progress.message("one process of each arm has warmed up; what they measured is thrown away");
  if (!warm.ignored_keys.empty() && options.control.policy.empty()) {
    leave_out_exact(policy, warm.ignored_keys, progress);
  }
  AbOptions ab;
  std::set<std::string> cell_ids;
  for (const PlannedCell& planned : warm.base.plan) cell_ids.insert(planned.cell.cell_id);
  ab.noise_floors =
      stored_noise_floors(session.store(), warm.base.run.machine_id, std::move(cell_ids));
  if (policy.require_calibration && ab.noise_floors.empty()) {
    progress.message(
        "the policy requires a calibration of these cells on this machine, and none is stored");
    return ExitCode::untrusted;
  }
  const std::int64_t num_tests = count_tests(policy, warm);
  ab.seed = session.seed();
  ab.looks = plan_looks(asked, policy.alpha, num_tests);
  ab.ignored_keys = warm.ignored_keys;
  ab.judge = [&policy](const GateEvidence& evidence) { return judge(policy, evidence); };
  // A+A'+B of every round up to the look that comes next.
  const auto expect = [&](std::size_t next) {
    if (next < ab.looks.pairs.size()) session.expect_processes(2 + 3 * ab.looks.pairs[next]);
  };
  ab.looked = [&](const AbLook& look) {
    tell_look(look, progress);
    expect(static_cast<std::size_t>(look.index) + 1);
  };
  ArmPlan twin = arms.front();
  twin.arm = Arm::twin;
  arms.insert(arms.begin() + 1, twin);
  tell_plan(session, arms, ab, asked, num_tests);
  expect(0);

  ComparisonRecord record;
  record.kind = "ab";
  record.machine_id = warm.base.run.machine_id;
  record.seed = session.seed();
  record.settings_json = settings_of(options, ab, warm, policy);
  session.begin(record, arms);
  const std::string id = session.comparison_id();
  const AbResult result = run_ab(ab, session.callbacks());
  session.finish(result.interrupted ? "interrupted" : "done");
  progress.message(
      fmt::format("{}: comparison {}, {} rounds", session.store().path(), id, result.num_rounds));
  if (result.interrupted) {
    progress.message("interrupted: the round under way was discarded, and there is no verdict");
    return ExitCode::interrupted;
  }
  std::vector<Table> tables = gate_tables(result.report);
  // Formats that speak of cases would call the arms cases.
  if (output.format() != TableFormat::junit && output.format() != TableFormat::github) {
    tables.push_back(arms_table(session, arms, warm, ab, result, id));
  }
  output.write(tables);
  append_step_summary(tables, invocation.err);
  return exit_code_of(result.report);
}

}  // namespace dsabench
