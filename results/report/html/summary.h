#pragma once
/// Private to results/.
#include "results/report/html/measured.h"

namespace dsabench::report {

/// A row for each run of the report: when, on what, by what, how its cells went, and the command
/// that makes it again. Searches and overlaps too.
Table summary_table(const ReportInput& input, const Measured& measured);

}  // namespace dsabench::report
