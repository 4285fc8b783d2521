#include "harness/cli/cli.h"

#include <exception>
#include <ostream>
#include <string>

#include "harness/cli/command_line.h"
#include "harness/cli/exit_codes.h"

namespace dsabench {
namespace {

/// One line without control characters: what a file or an option holds must not drive a terminal.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

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
    err << "dsabench: " << one_line(error.what()) << std::endl;
    return static_cast<int>(exit_code_of(error));
  }
}

}  // namespace dsabench
