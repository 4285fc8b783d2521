#pragma once
/// A cell that was timed as any other and then profiled, and what follows from both.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/model/model_config.h"
#include "harness/plan/cell.h"
#include "harness/profile/cell_profile.h"
#include "results/profile_record.h"

namespace dsabench {

struct ProfiledCell {
  ModelConfig config;
  Cell cell;
  PlannedCell planned;            ///< as a run stores it
  TrialRecord timed;              ///< made before the profiler was started
  CellProfile profile;            ///< of a sample after it
  std::vector<Ceiling> ceilings;  ///< of this process; empty: not measured
  /// Medians of the metric, ns, by pattern: of cells that runs here measured and that differ from
  /// this one in the pattern at most.
  std::map<std::string, double> measured;
};

/// As the database keeps it.
ProfileRecord to_record(const ProfiledCell& profiled, const std::string& run_id);

/// Its timed samples in numbers, ns.
struct TimedNumbers {
  double median = 0, median_low = 0, median_high = 0;  ///< of the metric
  std::int64_t count = 0;                              ///< values
  double sample = 0;     ///< mean time of a sample: a prefill, or all its decode steps
  double stage_sum = 0;  ///< mean of what the stage clock accounts for in one
  /// Whether `sample` and the stages are of a sample of their own, which marks made slower.
  bool is_stage_sample = false;
  std::vector<std::array<double, kNumStages>> stages;  ///< mean of a sample; row 0: of no layer

  double of_stage(Stage stage) const;
  double of_layer(std::int64_t layer) const;  ///< -1: of none
  double of_indexer(std::int64_t layer) const;
  double of_indexers() const;  ///< of all layers
};
TimedNumbers timed_numbers(const ProfiledCell& profiled);

/// The least time that a stage's declared work takes at the ceilings.
struct StageFloor {
  double compute_ns = 0, memory_ns = 0;
  double ns() const { return compute_ns > memory_ns ? compute_ns : memory_ns; }
};
/// Nothing where no work is declared, or a ceiling that it needs was not measured.
std::optional<StageFloor> stage_floor(const ProfiledCell& profiled, Stage stage);

/// What reuse could give at most: a sample with so many Full layers, were everything else as it is
/// and each indexer as long as this cell's are on average.
struct ReuseBound {
  double indexer_ns = 0;
  double ns = 0;       ///< of the metric
  double speedup = 0;  ///< against all layers Full
};
/// Nothing for a cell without indexers, or without stage times.
std::optional<ReuseBound> reuse_bound(const TimedNumbers& timed, const std::string& pattern,
                                      std::int64_t num_full);

}  // namespace dsabench
