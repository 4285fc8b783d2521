#pragma once
/// The evidence of a gate, cell by cell. Private to results/.
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "results/gate.h"
#include "results/report/cell_view.h"

namespace dsabench::gate {

/// A cell in one process of one side.
struct Observation {
  std::int64_t round = 0, place = 0;
  const report::CellView* view = nullptr;
};

/// How a side's processes fared with a cell.
struct Tally {
  std::int64_t num_ok = 0, num_discarded = 0, num_failed = 0, num_incorrect = 0;
  std::string reason;  ///< of the worst of those that are not ok
};

/// A cell with all processes that planned it.
struct EvidenceCell {
  std::vector<Observation> base, twin, candidate;

  const std::vector<Observation>& of(Arm arm) const;
  std::vector<Observation>& of(Arm arm);
  /// The candidate's where it has the cell.
  const CellRecord& cell() const;
  /// "model=builtin, suite=speed, ...": for messages.
  std::string name() const;
};
Tally tally(const std::vector<Observation>& side);

/// The cells of a comparison: those of the base in its plan's order, then those that the base
/// lacks. Holds the views that they point to; the evidence must outlive it.
struct EvidenceCells {
  std::deque<std::vector<report::CellView>> views;
  std::vector<EvidenceCell> cells;
};
/// A candidate's cell goes with the base's of its id, else with the only one that agrees but for
/// the ignored keys.
EvidenceCells gather_cells(const GateEvidence& evidence);

/// Whether the cell has the values of the metric's `where`.
bool fits(const GatedMetric& metric, const CellRecord& cell);

}  // namespace dsabench::gate
