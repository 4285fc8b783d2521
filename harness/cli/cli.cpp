#include "harness/cli/cli.h"

#include <exception>
#include <ostream>
#include <string>

#include "harness/cli/command_line.h"
#include "harness/cli/exit_codes.h"
#include "harness/run/terminal_text.h"

namespace dsabench {
namespace {

std::string joined(int argc, const char* const* argv) {
  std::string text;
  for (int i = 0; i < argc; ++i) {
    if (i > 0) text += ' ';
    text += argv[i];
  }
  return text;
}

}  // namespace

int run_cli(int argc, const char* const* argv, std::ostream& out, std::ostream& err,
            const CliSeams& seams) {
  try {
    const ParsedCommandLine parsed = parse_command_line(argc, argv);
    if (!parsed.verb) {
      out << parsed.text << std::flush;
      return static_cast<int>(ExitCode::pass);
    }
    return static_cast<int>(parsed.verb({out, err, joined(argc, argv), seams}));
  } catch (const std::exception& error) {
    err << "dsabench: " << terminal_text(error.what()) << std::endl;
    return static_cast<int>(exit_code_of(error));
  }
}

}  // namespace dsabench
