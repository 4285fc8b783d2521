#pragma once
/// One trial: a cell measured, or its questions asked, on an engine of its own.
#include <span>
#include <vector>

#include "engine/engine.h"
#include "harness/plan/sweep_plan.h"
#include "harness/profile/device_monitor.h"
#include "harness/run/progress.h"
#include "harness/run/stopping_rule.h"
#include "harness/target/model_source.h"
#include "results/record.h"

namespace dsabench {

/// Looks closely at samples that a trial takes beside the timed ones and after them: what the
/// profile of a cell is made from.
class SampleWatch {
 public:
  virtual ~SampleWatch() = default;
  virtual std::int64_t num_samples() const = 0;
  /// Right before the region that is timed of others: caches are in order, counters zero.
  virtual void begin(Engine& engine) = 0;
  /// Right behind it: the device has finished. `values`: its times, ns, as the trial's metric has
  /// them.
  virtual void end(Engine& engine, std::span<const std::int64_t> values) = 0;
};

/// What a trial works with; all of it outlives the trial.
struct TrialSetup {
  const LoadedModel& model;
  const PlanEntry& entry;
  const std::vector<Sample>& samples;
  Engine& engine;
  const SamplingLimits& limits;
  const StoppingRuleFactory& stopping_rule;
  Progress& progress;
  DeviceMonitor* monitor = nullptr;  ///< of the engine's device; null: it is not watched
  SampleWatch* watch = nullptr;      ///< of samples of a speed trial
};

/// Times prefill or decode of one batch of prompts, by the cell's phase.
///
/// A sample begins with caches put in order outside the timed region: new sequences with reserved
/// room for prefill, for decode the prefilled prompts without the tokens behind them. A prefill
/// sample is Engine::prefill; a decode sample is decode_tokens steps, each timed by itself:
/// Engine::decode and the choice of the next token. Before warm-up one pass runs with the verifier
/// and the overlap observer attached; every later pass must give its logits and tokens bit for bit,
/// and after every pass the indexer counts must fit the pattern.
///
/// While samples are taken, and only then, the monitor is read ten times a second.
///
/// Fills the record's metrics, stage times, counts and stop reason. Throws VerificationError where
/// something does not hold; what was measured until then is in the record.
void run_speed_trial(const TrialSetup& setup, TrialRecord& record);

/// Asks every question, greedily, and scores the answers. The first prompt's prefill is verified.
/// Throws as run_speed_trial.
void run_quality_trial(const TrialSetup& setup, TrialRecord& record);

}  // namespace dsabench
