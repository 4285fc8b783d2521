#pragma once
#include <vector>

#include "harness/profile/profiled_cell.h"
#include "results/report/table.h"

namespace dsabench {

/// What `profile` prints: the cell, its stages, its groups of layers, its layers, its kernels where
/// they were traced, what reuse could give at most, and the ceilings that shares are of.
std::vector<Table> profile_tables(const ProfiledCell& profiled);

}  // namespace dsabench
