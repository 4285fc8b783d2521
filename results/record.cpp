#include "results/record.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

constexpr std::array<const char*, 5> kOutcomeNames = {"ok", "incorrect", "failed", "discarded",
                                                      "interrupted"};

}  // namespace

const char* trial_outcome_name(TrialOutcome outcome) {
  return kOutcomeNames.at(static_cast<std::size_t>(outcome));
}

TrialOutcome parse_trial_outcome(const std::string& name) {
  for (std::size_t i = 0; i < kOutcomeNames.size(); ++i) {
    if (name == kOutcomeNames[i]) return static_cast<TrialOutcome>(i);
  }
  throw InvalidArgument(
      "a trial's outcome is one of ok, incorrect, failed, discarded, interrupted; got " + name);
}

const std::vector<std::int64_t>& metric_values(const TrialRecord& trial, std::string_view metric) {
  static const std::vector<std::int64_t> kNone;
  const auto found =
      std::find_if(trial.metrics.begin(), trial.metrics.end(),
                   [&](const MetricSamples& samples) { return samples.name == metric; });
  return found == trial.metrics.end() ? kNone : found->values;
}

TrialRecord ended_trial(const RunRecord& run, const RunningTrial& running, TrialOutcome outcome,
                        std::string reason, std::int64_t finished_ms) {
  TrialRecord trial;
  trial.run_id = running.run_id;
  trial.cell_id = running.cell_id;
  trial.repeat = running.repeat;
  trial.started_ms = running.started_ms;
  trial.finished_ms = finished_ms;
  trial.process_id = running.process_id;
  trial.outcome = outcome;
  trial.reason = std::move(reason);
  trial.verification_json = trial.conditions_json = "{}";
  for (const Continuation& made_by : run.continuations) {
    if (made_by.started_ms > running.started_ms) break;
    trial.machine_id = made_by.machine_id == run.machine_id ? "" : made_by.machine_id;
    trial.build_id = made_by.build_id == run.build_id ? "" : made_by.build_id;
  }
  return trial;
}

}  // namespace dsabench
