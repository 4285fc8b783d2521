#pragma once
/// How a metric went from run to run.
#include "results/record.h"

namespace dsabench {

/// What one run saw: the median over the ok trials that one machine made of the cell in it.
struct HistoryPoint {
  std::string run_id;
  std::int64_t started_ms = 0;
  std::string build_id, build_json;  ///< of the first of those trials
  std::int64_t num_samples = 0;
  double median = 0;
};

/// One metric of one cell on one machine, over runs by start.
struct MetricHistory {
  CellRecord cell;
  std::string metric, unit;
  std::string machine_id;
  std::vector<HistoryPoint> points;
};

}  // namespace dsabench
