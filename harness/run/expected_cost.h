#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/model/model_config.h"
#include "harness/plan/cell.h"
#include "results/store.h"

namespace dsabench {

/// What a trial of a cell is expected to take, and why.
struct ExpectedCost {
  std::optional<double> seconds;
  std::string basis;  ///< "3 trials", "3 trials of other builds", "scaled from ..."; or why not
};

/// What a trial took. A pass goes once through what is timed: each warm-up, each sample, and the
/// one whose results are verified.
struct TrialCost {
  double seconds = 0;       ///< wall time with warm-up and verification
  double pass_seconds = 0;  ///< mean of the samples; 0 where no sample is a pass
  std::int64_t num_passes = 0;
};
TrialCost cost_of(const TrialRecord& trial);

/// The wall time of earlier ok trials on one machine, with warm-up and verification.
class CostHistory {
 public:
  /// Of the newest runs that measured cells of this config on this machine. Throws StoreError.
  CostHistory(const ResultStore& store, const std::string& machine_id, const std::string& build_id,
              const ModelConfig& config);
  /// Knows nothing.
  explicit CostHistory(const ModelConfig& config) : config_(config) {}

  /// Adds an ok trial of this build.
  void add(const Cell& cell, const TrialCost& cost);

  /// From trials of the same cell, those of the same build where there are any; else scaled by the
  /// estimated operations from the cell of the same phase, device kind and dtype that is closest in
  /// them: of speed trials the passes, of decode also those of its prompts where a prefill cell
  /// tells what they take. The rest, most of it the reference, hardly goes with the context
  /// (docs/results/2026-11-23-table1-h100.md) and is taken as it is. Trials that tell no more than
  /// how long they took are scaled whole.
  ExpectedCost of(const Cell& cell) const;

 private:
  struct Sums {
    double seconds = 0, pass_seconds = 0, in_passes = 0;
    std::int64_t num_trials = 0;

    double per_trial(double sum) const { return sum / double(num_trials); }
  };
  struct Seen {
    Cell cell;
    Sums here, elsewhere;  ///< of this build, of others

    const Sums& known() const { return here.num_trials > 0 ? here : elsewhere; }
  };
  static void add_to(Sums& sums, const TrialCost& cost);
  const Seen* closest(const Cell& cell) const;
  std::optional<double> prompt_seconds(const Cell& decode) const;
  double seconds_that_scale(const Seen& seen) const;

  const ModelConfig& config_;
  std::map<std::string, Seen> seen_;  ///< by cell id
};

}  // namespace dsabench
