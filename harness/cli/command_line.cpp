#include "harness/cli/command_line.h"

#include <dsabench_build_info.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "harness/cli/shared_options.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

std::string version_text() {
  return fmt::format("dsabench {} ({}{}, {}, {})", DSABENCH_VERSION, DSABENCH_GIT_COMMIT,
                     DSABENCH_GIT_DIRTY ? ", modified" : "", DSABENCH_COMPILER,
                     DSABENCH_BUILD_TYPE);
}

/// Refuses a first word that is no verb, which the parser would only miss.
void check_verb(const CLI::App& app, int argc, const char* const* argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) {
    if (verb->get_name() == argv[1]) return;
    if (!verb->get_group().empty()) verbs.push_back(verb->get_name());
  }
  throw InvalidArgument(
      fmt::format("unknown verb '{}'; there are: {}", argv[1], fmt::join(verbs, ", ")));
}

/// An error of the parser in one line.
InvalidArgument usage_error(const CLI::App& app, const CLI::ParseError& error) {
  std::string command = "dsabench";
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    command += " " + at->get_name();
  }
  return InvalidArgument(fmt::format("{} (see {} --help)", error.what(), command));
}

}  // namespace

ParsedCommandLine parse_command_line(int argc, const char* const* argv) {
  ParsedCommandLine parsed;
  CLI::App app("Benchmark and evaluation harness for DeepSeek Sparse Attention and IndexCache",
               "dsabench");
  app.set_version_flag("--version", version_text());
  app.require_subcommand(1);
  add_measuring_verbs(app, parsed);
  add_model_verbs(app, parsed);
  add_comparison_verbs(app, parsed);
  add_gate_verbs(app, parsed);
  add_report_verbs(app, parsed);
  add_result_verbs(app, parsed);
  app.footer(
      "Example:\n  dsabench list suites\n"
      "Exit codes: 0 pass, 1 slower, 2 usage, 3 time limit reached or no verdict, 4 throttled or "
      "otherwise not to be trusted, 5 a cell failed, 6 wrong result or worse answers, 7 no "
      "baseline, 8 database or disk, 130 interrupted");
  check_verb(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) throw usage_error(app, error);
    std::ostringstream text;
    app.exit(error, text, text);
    return {nullptr, text.str()};
  }
  return parsed;
}

}  // namespace dsabench
