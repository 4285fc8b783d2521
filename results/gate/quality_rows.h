#pragma once
/// The rows of kind quality, whose verdicts wait for each other's p values. Private to results/.
#include <cstddef>
#include <vector>

#include "results/gate.h"
#include "results/gate/environment.h"
#include "results/gate/quality.h"

namespace dsabench::gate {

struct QualityCase {
  std::size_t row = 0;  ///< of the report
  const EvidenceCell* cell = nullptr;
  QualityRule rule;
};

/// Fills in the rows. Distrusts the environment where a twin's scores differ from its base's by the
/// rule that the candidate is held to, in either direction.
void close_quality(const std::vector<QualityCase>& cases, GateReport& report,
                   Environment& environment);

}  // namespace dsabench::gate
