#pragma once
#include <map>
#include <string>

#include "harness/plan/cell.h"
#include "results/store.h"

namespace dsabench {

/// Medians of the cell's metric, ns, by pattern: of its like under other patterns, as the newest
/// runs with the machine, build and model of `here` measured them. Only of cells that are right.
std::map<std::string, double> measured_patterns(const ResultStore& store, const Cell& cell,
                                                const RunRecord& here);

}  // namespace dsabench
