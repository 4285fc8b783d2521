#pragma once
#include <iosfwd>
#include <vector>

#include "results/report/table.h"

namespace dsabench {

/// Appends the tables as Markdown to the file that GitHub's runner names in GITHUB_STEP_SUMMARY:
/// the page of the job then shows them. Does nothing where there is no such name; a file that
/// cannot be written is told on `err` and changes no verdict.
void append_step_summary(const std::vector<Table>& tables, std::ostream& err);

}  // namespace dsabench
