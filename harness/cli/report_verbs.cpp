#include <CLI/CLI.hpp>

#include "harness/cli/shared_options.h"

namespace dsabench {

void add_report_verbs(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<ReportVerbOptions>();
  ReportVerbOptions& options = *shared;
  CLI::App& verb = add_verb(app, "report", "One HTML file with figures and tables of runs",
                            "dsabench report --output report.html");
  verb.add_option(
      "runs", options.runs,
      "Runs, searches and overlaps: ids, unique prefixes, last or last~N (default: of "
      "each plan the newest run, up to 8; of each model the newest search and overlap)");
  add_database_option(verb, options.db);
  verb.add_option("--output", options.output, "The page: one file that needs no network")
      ->capture_default_str();
  verb.callback(chooses(chosen, shared, run_report));
}

}  // namespace dsabench
