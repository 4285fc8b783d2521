#pragma once
/// Which cells of many runs are set side by side. Private to results/.
#include <string>
#include <vector>

#include "results/compare/pairing.h"
#include "results/compare_groups.h"
#include "results/report/cell_view.h"

namespace dsabench::compare {

struct RunViews {
  const RunRecord* run = nullptr;
  std::vector<report::CellView> views;
};

/// Where and by what a cell was measured: of a run that was gone on with elsewhere, this cell.
struct Origin {
  const RunRecord* run = nullptr;
  std::string machine_id, machine_json, build_id, build_json;
};

/// A cell that is ok.
struct Member {
  const report::CellView* view = nullptr;
  Origin origin;
  std::size_t group = 0;
};

struct Grouping {
  std::vector<std::string> groups;        ///< as people call them, no two alike
  std::vector<std::vector<Member>> sets;  ///< two or more, of different groups, by group
  std::vector<Unmatched> unmatched;       ///< `side`: the group
  std::int64_t num_older = 0;             ///< ok cells that a newer run has too
};

/// As documented at compare_groups. Points into the runs.
Grouping group_cells(const std::vector<RunViews>& runs, const CompareGroupsOptions& options);

}  // namespace dsabench::compare
