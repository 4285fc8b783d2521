#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "harness/run/calibration.h"
#include "results/store.h"

namespace dsabench {

/// Which of the stored comparisons of base against base are meant.
struct CalibrationFilter {
  std::string machine_id;
  std::string build_id;               ///< empty: of any build
  std::vector<std::string> cell_ids;  ///< one of them was measured; empty: any
};

/// Of the comparisons that are done, oldest first, what calibration takes of them. `is_alarm` is
/// asked about the rounds of each.
std::vector<CalibrationComparison> load_calibrations(
    const ResultStore& store, const CalibrationFilter& filter, std::span<const std::string> metrics,
    const std::function<bool(const GateEvidence&)>& is_alarm);

/// Names of the metrics of kind time.
std::vector<std::string> time_metrics(const GatePolicy& policy);

}  // namespace dsabench
