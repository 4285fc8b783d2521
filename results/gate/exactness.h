#pragma once
/// Is it the same? Private to results/.
#include <cstdint>
#include <string>
#include <vector>

#include "results/gate/cells.h"

namespace dsabench::gate {

/// What one metric was in all processes of two sides.
struct Exactness {
  bool equal = true;       ///< one value, on both sides
  bool base_equal = true;  ///< one value in the base's own processes
  double base = 0, candidate = 0;
  std::int64_t num_base = 0, num_candidate = 0;  ///< processes, or items
  std::string reason;
};

/// The values of a metric.
Exactness compare_metric(const std::vector<Observation>& base,
                         const std::vector<Observation>& candidate, const std::string& metric);
/// Greedy outputs, item by item: each one text, the same on both sides, and the same items.
Exactness compare_outputs(const std::vector<Observation>& base,
                          const std::vector<Observation>& candidate);

}  // namespace dsabench::gate
