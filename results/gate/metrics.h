#pragma once
#pragma once
/// What a policy asks of a cell. Private to results/.
#include <set>
#include <string>
#include <vector>

#include "results/gate.h"
#include "results/gate/cells.h"

namespace dsabench::gate {

/// A metric of the base that the policy names.
struct AskedMetric {
  const GatedMetric* gated = nullptr;
  std::string name, unit;
  bool wildcard = false;  ///< asked for as "exact"
  bool lost = false;      ///< the candidate's ok trials do not have it
};
/// In the order in which the base's trials have them, then tokens and score. Notes in `used` what
/// fits: where the base has no ok trial, all whose `where` does. Throws InvalidArgument for a
/// metric of kind time that is not better when it is lower.
std::vector<AskedMetric> asked_metrics(const GatePolicy& policy, const EvidenceCell& cell,
                                       std::set<const GatedMetric*>& used);

/// Throws InvalidArgument where nothing was used, or not all that is required.
void require_fitting(const GatePolicy& policy, const std::set<const GatedMetric*>& used,
                     const std::vector<EvidenceCell>& cells);

}  // namespace dsabench::gate
