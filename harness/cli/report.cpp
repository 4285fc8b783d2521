#include "results/report/html/report.h"

#include <fmt/format.h>

#include <ostream>

#include "harness/cli/results_database.h"
#include "harness/cli/staged_file.h"
#include "harness/cli/verbs.h"
#include "harness/run/environment.h"
#include "harness/run/terminal_text.h"
#include "harness/run/wall_clock.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// A search, an overlap and a profile have ids too, which `last` does not count.
std::vector<std::string> named_runs(const ResultStore& store,
                                    const std::vector<std::string>& names) {
  std::vector<std::string> ids;
  for (const std::string& name : names) ids.push_back(resolve_run(store, name));
  return ids;
}

}  // namespace

ExitCode run_report(const ReportVerbOptions& options, const Invocation& invocation) {
  const ResultStore store = open_for_reading(options.db, invocation);
  ReportInput input = load_report(
      store, options.runs.empty() ? runs_to_report(store) : named_runs(store, options.runs));
  input.command_line = invocation.command_line;
  input.tool_version = tool_version();
  input.made_ms = unix_milliseconds();
  const std::string page = report_page(input);
  const StagedFile file(options.output);  // not before there is something to put into it
  file.write([&](std::ostream& stream) { stream << page; });
  invocation.out << terminal_text(fmt::format("{}: {} runs, {} searches, {} overlaps, {:.1f} MB",
                                              options.output, input.runs.size(),
                                              input.searches.size(), input.overlaps.size(),
                                              static_cast<double>(page.size()) / 1e6))
                 << '\n'
                 << std::flush;
  return ExitCode::pass;
}

}  // namespace dsabench
