#pragma once
/// A database with everything that a report draws.
#include <cstdint>
#include <string>

#include "results/store.h"
#include "tests/support/random.h"

namespace dsabench::test {

/// What is in it, for tests to count.
struct ReportFixture {
  static constexpr std::int64_t kLayers = 8;
  static constexpr std::int64_t kHistoryRuns = 12;
  static constexpr std::int64_t kItems = 12;
  std::string main_run, search_run, overlap_run, newest_history_run, hostile;
};

/// Text that would end a script, open a comment or an element, break a line of JavaScript, a field
/// of CSV, a spreadsheet or a terminal.
std::string hostile_for_pages();

/// Writes the runs: one with speed (two contexts, four patterns, both phases; one cell incorrect
/// and fast, one failed), quality and ceilings; a history of one cell whose level changes in its
/// middle; a search and an overlap. Times and scores are drawn, all else stands. Names are hostile
/// where asked.
ReportFixture write_report_fixture(const std::string& path, Random& random, bool hostile);

/// A run of cells that differ in context and pattern, as a wide sweep has them.
RunResults wide_run(Random& random, std::int64_t num_cells);

}  // namespace dsabench::test
