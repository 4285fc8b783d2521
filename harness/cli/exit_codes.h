#pragma once
#include <exception>

#include "harness/run/runner.h"

namespace dsabench {

/// Exit codes of the tool, each with one meaning.
enum class ExitCode : int {
  pass = 0,
  usage = 2,         ///< bad input, no such device
  inconclusive = 3,  ///< a time limit ended the run before its plan was done
  untrusted = 4,     ///< throttled at every attempt
  run_failed = 5,    ///< out of memory, crash
  incorrect = 6,     ///< quality, invariant or verification mismatch
  database = 8,      ///< database or disk
  interrupted = 130,
};

/// The code of an error that ends the tool; run_failed for what is none of ours.
ExitCode exit_code_of(const std::exception& error);
/// inconclusive, interrupted, then incorrect (what is wrong outweighs what failed), then
/// run_failed, then untrusted, then pass.
ExitCode exit_code_of(const RunSummary& summary);

}  // namespace dsabench
