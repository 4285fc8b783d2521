#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/run/ab_schedule.h"
#include "results/gate.h"

namespace dsabench {

/// What makes rounds of a comparison: processes, or a test's script.
struct RoundCallbacks {
  /// One process of the arm whose turn it is, to its end: what it measured. Nothing where an
  /// interruption ended it. Throws where it failed.
  std::function<std::optional<RunResults>(const ComparisonSample& turn)> measure;
  /// A round of which every process has ended is written down.
  std::function<void(std::span<const GateSample> round)> keep = [](auto) {};
  std::function<bool()> interrupted = [] { return false; };
  /// Whether one more round is expected to fit into the time that is left.
  std::function<bool()> fits = [] { return true; };
};

/// One round in its drawn order; nothing where it was interrupted, whatever of it had been
/// measured.
std::optional<std::vector<GateSample>> measure_round(std::span<const Arm> arms, std::uint64_t seed,
                                                     std::int64_t round,
                                                     const RoundCallbacks& callbacks);
/// Whether every cell of the run has an ok trial.
bool has_every_cell(const RunResults& run);

/// A verdict on the rounds so far.
struct AbLook {
  std::int64_t index = 0, num_looks = 0;
  std::int64_t num_pairs = 0;
  std::int64_t num_decided = 0;  ///< rows that are a PASS or a REGRESSION
  GateReport report;
};

struct AbOptions {
  std::uint64_t seed = 0;
  LookPlan looks;
  std::vector<std::string> ignored_keys;
  std::vector<NoiseFloor> noise_floors;
  std::function<GateReport(const GateEvidence&)> judge;
  std::function<void(const AbLook&)> looked = [](const AbLook&) {};
};

struct AbResult {
  std::int64_t num_rounds = 0, num_looks = 0;
  bool interrupted = false;
  bool out_of_time = false;
  /// A cell of the last round was wrong or throttled on some side, which no further rounds mend.
  bool spoiled = false;
  GateReport report;  ///< of the last look; empty where none was taken
};

/// Rounds of base, twin and candidate, and a look whenever the plan says so, until every row is
/// decided, the environment is found not to be trusted, the looks are spent or `fits` says no. What
/// ends it between two looks is followed by a look at its rounds, which is one of the planned ones:
/// no look is taken beyond their number. An interruption is followed by none.
AbResult run_ab(const AbOptions& options, const RoundCallbacks& callbacks);

}  // namespace dsabench
