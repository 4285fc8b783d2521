#pragma once
/// The rows of kind time, whose verdicts wait for each other's p values. Private to results/.
#include <cstddef>
#include <string>
#include <vector>

#include "results/gate.h"
#include "results/gate/environment.h"
#include "results/gate/timing.h"

namespace dsabench::gate {

struct TimeCase {
  std::size_t row = 0;  ///< of the report
  const EvidenceCell* cell = nullptr;
  std::string metric;
  TimeRule rule;
};

/// Fills in the rows. Distrusts the environment where a twin differs from its base by the rule that
/// the candidate is held to, in either direction; the number of tests in the rules is set here.
void close_times(std::vector<TimeCase>& cases, bool paired, GateReport& report,
                 Environment& environment);

}  // namespace dsabench::gate
