#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "harness/cli/arm_words.h"
#include "harness/cli/comparison_session.h"
#include "harness/cli/policy_file.h"
#include "harness/cli/result_output.h"
#include "harness/cli/stored_calibration.h"
#include "kernels/base/error.h"
#include "results/identity.h"
#include "suites/counter_random.h"

namespace dsabench {
namespace {

constexpr std::array<Arm, 2> kArms{Arm::base, Arm::candidate};
constexpr std::int64_t kMostComparisons = 1000;

enum class End { done, interrupted, out_of_time };

void check(const CalibrateVerbOptions& options) {
  const auto in_range = [](const char* option, std::int64_t value, std::int64_t least,
                           std::int64_t most) {
    if (value >= least && value <= most) return;
    throw InvalidArgument(fmt::format("{}: expected {} to {}, got {}", option, least, most, value));
  };
  in_range("--comparisons", options.comparisons, 1, kMostComparisons);
  in_range("--pairs", options.pairs, 1, kMostPairs);
}

/// One comparison, begun and not finished: its rounds are stored as they end.
End measure_comparison(const CalibrateVerbOptions& options, std::uint64_t seed,
                       const RoundCallbacks& callbacks) {
  for (std::int64_t round = 0; round < options.pairs; ++round) {
    if (!callbacks.fits()) return End::out_of_time;
    const auto samples = measure_round(kArms, seed, round, callbacks);
    if (!samples) return End::interrupted;
    callbacks.keep(*samples);
    for (const GateSample& sample : *samples) {
      if (has_every_cell(sample.run)) continue;
      throw Error(
          "calibrate: a cell was wrong or throttled in a process: there is no time to calibrate");
    }
  }
  return End::done;
}

End measure(const CalibrateVerbOptions& options, const GatePolicy& policy, const RunRecord& warm,
            const ArmPlan& base, ComparisonSession& session) {
  ArmPlan candidate = base;
  candidate.arm = Arm::candidate;
  ComparisonRecord record;
  record.kind = "calibrate";
  record.calibration_id = new_run_id();
  record.machine_id = warm.machine_id;
  const nlohmann::json settings = {{"pairs", options.pairs},
                                   {"comparisons", options.comparisons},
                                   {"warmup_processes", 1},
                                   {"process_timeout", options.control.process_timeout},
                                   {"policy", to_json(policy)}};
  record.settings_json = settings.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  session.expect_processes(1 + 2 * options.comparisons * options.pairs);
  for (std::int64_t i = 0; i < options.comparisons; ++i) {
    record.seed = CounterRandom(session.seed()).stream(static_cast<std::uint64_t>(i)).at(0);
    session.begin(record, {base, candidate});
    const End end = measure_comparison(options, record.seed, session.callbacks());
    session.finish(end == End::done ? "done" : "interrupted");
    if (end != End::done) return end;
    session.progress().message(
        fmt::format("comparison {} of {} is done", i + 1, options.comparisons));
  }
  return End::done;
}

bool is_false_alarm(const GatePolicy& policy, const GateEvidence& evidence) {
  const GateReport report = judge(policy, evidence);
  return std::any_of(report.rows.begin(), report.rows.end(), [](const GateRow& row) {
    return row.kind == MetricKind::time && row.verdict == Verdict::regression;
  });
}

CalibrationOptions options_of(const GatePolicy& policy) {
  CalibrationOptions options;
  options.alpha = policy.alpha;
  options.confidence = policy.confidence;
  options.noise_factor = policy.noise_factor;
  for (const GatedMetric& metric : policy.metrics) {
    if (metric.kind == MetricKind::time) options.margins[metric.metric] = metric.margin;
  }
  return options;
}

}  // namespace

ExitCode run_calibrate(const CalibrateVerbOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  check(options);
  const GatePolicy policy = load_policy(options.control.policy);
  check_run_options("after --", options.run_options);
  const std::vector<std::string> metrics = time_metrics(policy);
  const ArmPlan base{Arm::base, "base against base",
                     resolve_binary("--base", options.base, invocation.seams.program),
                     options.run_options};
  ComparisonSession session(options.control, invocation);
  Progress& progress = session.progress();
  session.expect_processes(1);
  const RunResults warm = session.warm_up(base);
  check_comparable(warm.run, warm.run);
  const std::vector<GateSample> warm_round{{Arm::base, 0, 0, warm}, {Arm::candidate, 0, 1, warm}};
  if (calibration_series(warm_round, metrics).empty()) {
    throw InvalidArgument(
        fmt::format("calibrate: no metric of kind time of the policy was measured; it has: {}",
                    fmt::join(metrics, ", ")));
  }
  progress.message("one process has warmed up; what it measured is thrown away");

  const End end = measure(options, policy, warm.run, base, session);
  if (end == End::interrupted) {
    progress.message(
        "interrupted: the round under way was discarded; comparisons that were done stay and count "
        "from now on, so that calling calibrate again adds to them");
    return ExitCode::interrupted;
  }
  CalibrationFilter filter{warm.run.machine_id, warm.run.build_id, {}};
  for (const PlannedCell& planned : warm.plan) filter.cell_ids.push_back(planned.cell.cell_id);
  const std::vector<CalibrationComparison> comparisons = load_calibrations(
      session.store(), filter, metrics,
      [&](const GateEvidence& evidence) { return is_false_alarm(policy, evidence); });
  if (comparisons.empty()) {
    progress.message("the time limit left no comparison whole: there is nothing to calibrate by");
    return ExitCode::inconclusive;
  }
  const CalibrationReport report = assess_calibration(comparisons, options_of(policy));
  output.write(calibration_tables(report));
  if (end == End::out_of_time) return ExitCode::inconclusive;
  // More alarms of equal builds than the level that the policy promises.
  return report.any_metric.interval.low > policy.alpha ? ExitCode::untrusted : ExitCode::pass;
}

}  // namespace dsabench
