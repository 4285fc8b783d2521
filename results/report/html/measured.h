#pragma once
/// What the report's runs measured, as figures need it. Private to results/.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "results/report/cell_view.h"
#include "results/report/html/report.h"
#include "results/report/html/series.h"
#include "results/statistics.h"

namespace dsabench::report {

/// An interval around a value; absent ends where there is none.
struct Bounds {
  std::optional<double> low, high;
};

/// A right cell in one phase. Of a slice of layers all is of the whole model.
struct PhaseMeasurement {
  std::size_t run = 0;  ///< position in ReportInput::runs
  const PlannedCell* planned = nullptr;
  std::string phase;    ///< "prefill", "decode"
  std::string setting;  ///< "demo, cpu f32": what is the same along a line of a figure
  std::string series;
  bool extrapolated = false;
  Summary time;                   ///< of a prefill, or of a decode step, ns
  std::optional<double> speedup;  ///< over the all-Full cell; empty for that one itself
  Bounds speedup_bounds;          ///< 95 %
  /// Of the time, that the declared matrix work takes at the machine's ceilings.
  std::optional<double> matrix_percent;
  /// Of all stages' time, by time.
  std::vector<std::pair<std::string, double>> stage_percent;
};

/// A task of a right cell, or the mean over its tasks: x 100, with its 95 % interval.
struct ScoreMeasurement {
  std::size_t run = 0;
  const PlannedCell* planned = nullptr;
  std::string setting, series, task;
  bool is_mean = false;
  std::int64_t num_items = 0;
  double score = 0, low = 0, high = 0;
};

/// How a run's cells went.
struct CellCounts {
  std::int64_t planned = 0, ok = 0, incorrect = 0, failed = 0, discarded = 0, unfinished = 0;
};

struct Measured {
  std::vector<PhaseMeasurement> phases;
  std::vector<ScoreMeasurement> scores;
  std::vector<CellCounts> counts;  ///< of each run
};
/// The planned cells pointed to are the input's.
Measured measured(const ReportInput& input, const SeriesNames& names);

/// "R1": a run's name in the report.
std::string run_label(std::size_t run);
/// "1 Ki", "10k", "1,234".
std::string context_text(std::int64_t tokens);
/// "2026-11-22 18:03:07", UTC.
std::string utc_text(std::int64_t unix_ms);

}  // namespace dsabench::report
