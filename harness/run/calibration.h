#pragma once
/// What comparisons of a build with itself say of a machine: how often a verdict is a false alarm,
/// how far equal builds lie apart, and which slowdown shows after how many pairs.
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "results/gate.h"
#include "results/statistics.h"

namespace dsabench {

/// One metric of one cell in one comparison of base against base.
struct CalibrationSeries {
  CellRecord cell;
  std::string metric;
  /// Of each round: log(candidate / base) of the two processes' medians.
  std::vector<double> log_ratios;
};
/// Those of the metrics that the samples have; a round counts where both its processes have a
/// value. `samples` holds arms base and candidate.
std::vector<CalibrationSeries> calibration_series(std::span<const GateSample> samples,
                                                  std::span<const std::string> metrics);

/// One of the comparisons, of which every round ended.
struct CalibrationComparison {
  std::int64_t num_pairs = 0;
  /// A time came out as a regression under the whole policy, over all metrics: a false alarm.
  bool is_alarm = false;
  std::vector<CalibrationSeries> series;
};

struct CalibrationOptions {
  double alpha = 0.01;
  std::map<std::string, double> margins;  ///< by metric: as the policy has them
  double noise_factor = 3;                ///< as the policy has it
  std::int64_t num_looks = 4;             ///< of `ab`: a look has 1 / num_looks of alpha
  /// Pairs for which the detectable slowdown is computed.
  std::vector<std::int64_t> pairs{10, 20, 40, 60, 100, 200};
  std::int64_t num_relabellings = 2000;
  std::uint64_t seed = 1;
  double confidence = 0.95;
};
/// Processes that a pool must have to be relabelled.
inline constexpr std::int64_t kRelabelledPool = 120;
/// The slowdown that calibrations say the price of.
inline constexpr double kAskedSlowdown = 0.03;

/// As many pairs as `ab` takes by default: an exact test of hundreds, thousands of times over,
/// would take minutes.
inline constexpr std::int64_t kMostCaughtPairs = 60;

/// How often a rule raised a false alarm.
struct AlarmRate {
  std::string rule;  ///< "p below 0.05", "p below 0.01", "verdict"
  std::int64_t num_alarms = 0;
  /// Comparisons; of relabellings also how many independent ones the pool is worth.
  std::int64_t num_comparisons = 0, num_independent = 0;
  double rate = 0;
  Interval interval;
};

/// One metric of one cell, over the comparisons of one number of pairs.
struct MetricCalibration {
  CellRecord cell;
  std::string metric;
  std::int64_t num_pairs = 0, num_comparisons = 0;
  double noise_floor = 0;    ///< sd of the Hodges-Lehmann log ratios; 0 for one comparison
  double largest_ratio = 0;  ///< of those, in either direction: 0.01 is 1 %
  double sd_of_pairs = 0;    ///< sd of the log ratios of all rounds around zero
  std::int64_t pool = 0;     ///< processes
  std::vector<AlarmRate> real, relabelled;  ///< relabelled: empty where the pool is too small
  struct Detectable {
    std::int64_t pairs = 0;
    double slowdown = 0;  ///< seen with 90 % power; infinite where pairs are too few
    /// Share of the relabelled comparisons that are caught where the candidate is made slower by
    /// kAskedSlowdown; below 0: not known (pool too small, or pairs beyond its rounds or beyond
    /// kMostCaughtPairs).
    double caught = -1;
  };
  std::vector<Detectable> detectable;
  std::int64_t pairs_for_asked = 0;  ///< fewest with a detectable slowdown of at most 3 %; 0: none
};

struct CalibrationReport {
  CalibrationOptions options;
  double alpha_of_look = 0;  ///< of one look and Holm's strictest step, as the slowdowns are for
  std::int64_t num_comparisons = 0;
  AlarmRate any_metric;  ///< comparisons that the whole policy called slower
  std::vector<MetricCalibration> metrics;
};
/// Throws InvalidArgument where there is no comparison with a series.
CalibrationReport assess_calibration(std::span<const CalibrationComparison> comparisons,
                                     const CalibrationOptions& options);

/// "calibration_noise", "calibration_rates", "calibration_verdicts", "calibration_detectable".
std::vector<Table> calibration_tables(const CalibrationReport& report);

}  // namespace dsabench
