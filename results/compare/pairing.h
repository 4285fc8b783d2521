#pragma once
/// Which cells of two runs are held against each other. Private to results/.
#include <string>
#include <vector>

#include "results/compare.h"
#include "results/report/cell_view.h"

namespace dsabench::compare {

struct CellPair {
  const report::CellView* base = nullptr;
  const report::CellView* candidate = nullptr;
};

/// Something that only one side has, or that cannot be compared.
struct Unmatched {
  const report::CellView* cell = nullptr;
  std::string side;  ///< base, candidate, both
  std::string reason;
};

struct Pairing {
  std::vector<CellPair> pairs;  ///< ok on both sides, in the candidate's plan order
  std::vector<Unmatched> unmatched;
};

/// What of a cell must agree with another's; its id where nothing is ignored or its form is no
/// JSON.
std::string reduced_form(const CellRecord& cell, const std::vector<std::string>& ignored_keys);

/// As documented at compare_runs. Points into the views.
Pairing pair_cells(const std::vector<report::CellView>& base,
                   const std::vector<report::CellView>& candidate,
                   const std::vector<std::string>& ignored_keys);

}  // namespace dsabench::compare
