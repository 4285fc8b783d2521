#pragma once
#include "results/compare/grouping.h"
#include "results/report/table.h"

namespace dsabench::compare {

/// What each group's machine can do at best, as the newest run behind its rows measured it: one row
/// per ceiling and group. Private to results/.
Table group_ceilings(const Grouping& grouping);

}  // namespace dsabench::compare
