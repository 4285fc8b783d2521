#pragma once
/// One self-contained HTML file of what a database holds.
///
/// Goals: opens from a disk with no network; every figure has its data, a text and the command that
/// makes it again; what was never measured is named and not drawn. Non-goals: verdicts of its own,
/// numbers that no table has.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "results/report/table.h"
#include "results/store.h"

namespace dsabench {

struct SearchOfRun {
  RunRecord run;
  SearchRecord search;
};

/// What a report shows.
struct ReportInput {
  std::string database;      ///< path, as the user named it
  std::string command_line;  ///< that makes this report
  std::string tool_version;
  std::int64_t made_ms = 0;
  std::vector<RunResults> runs;          ///< measurements, newest first
  std::vector<SearchOfRun> searches;     ///< newest first
  std::vector<RunResults> overlaps;      ///< of status kOverlapStatus, newest first
  std::vector<MetricHistory> histories;  ///< of any run
  std::vector<Table> verdicts;           ///< of the newest comparisons
};

/// The runs to show where none is named: of each plan the newest run with a finished trial, up to
/// 8, newest first; then of each model the newest search and the newest overlap.
std::vector<std::string> runs_to_report(const ResultStore& store);
/// Reads the runs, each once, sorted by what they are; histories of cells over any four runs, and
/// the verdicts of the three newest comparisons that are not calibrations. Throws InvalidArgument
/// for a run that is unknown or a profile.
ReportInput load_report(const ResultStore& store, const std::vector<std::string>& run_ids);

/// The page's data: JSON that is safe inside a script element. Numbers have six significant
/// digits: the database has all.
std::string report_data(const ReportInput& input);
/// The page around that data. Throws InvalidArgument where the input has no run at all.
std::string report_page(const ReportInput& input);

}  // namespace dsabench
