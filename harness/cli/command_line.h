#pragma once
#include <functional>
#include <string>

#include "harness/cli/verbs.h"

namespace dsabench {

/// What a command line asks for.
struct ParsedCommandLine {
  /// The verb with its options; empty where `text` is all there is to do.
  std::function<ExitCode(const Invocation&)> verb;
  std::string text;  ///< of --help and --version, for stdout
};

/// Throws InvalidArgument, in one line, for what cannot be understood.
ParsedCommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace dsabench
