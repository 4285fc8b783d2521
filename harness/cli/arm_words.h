#pragma once
/// Arms as the command line names them.
#include <string>
#include <string_view>
#include <vector>

#include "harness/cli/verbs.h"
#include "harness/run/arm_runner.h"

namespace dsabench {

/// Splits at blanks as a shell does: single and double quotes keep them together, a backslash takes
/// the next character as it is. Throws InvalidArgument, naming `option`, where a quote or a
/// backslash is left open.
std::vector<std::string> split_words(std::string_view option, std::string_view text);

/// Throws InvalidArgument for options of `run` that a comparison gives itself or that leave nothing
/// measured: --db, --progress, --output, --format, --dry-run, --time-limit, --help. `where` names
/// the place they stand in.
void check_run_options(std::string_view where, const std::vector<std::string>& words);

/// The path of a binary that can be run, absolute; empty: the program itself. Throws
/// InvalidArgument, naming `option`.
std::string resolve_binary(const std::string& option, const std::string& path,
                           const std::string& program);

/// Base and candidate. Throws InvalidArgument for options that name no two arms.
std::vector<ArmPlan> make_arms(const AbVerbOptions& options, const std::string& program);

}  // namespace dsabench
