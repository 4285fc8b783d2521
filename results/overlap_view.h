#pragma once
/// A stored overlap of layers' index sets, read as overlap_record.h says it is written.
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "results/overlap_record.h"
#include "results/store.h"

namespace dsabench {

/// The overlap of a stored run, which outlives it.
struct OverlapView {
  const CellRecord& cell;
  const TrialRecord& trial;
  std::int64_t num_layers = 0;
  const std::vector<std::int64_t>& matrix_ppm;

  /// What layers a and b have in common, 0 to 1.
  double share(std::int64_t a, std::int64_t b) const;
  /// Another metric's value; empty where the run has none.
  std::optional<std::int64_t> value(std::string_view metric) const;
};
/// Throws InvalidArgument where the run is none, and for a matrix that does not fit its layers.
OverlapView view_overlap(const RunResults& results);

}  // namespace dsabench
