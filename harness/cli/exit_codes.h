#pragma once
#include <exception>

#include "harness/run/runner.h"
#include "results/gate.h"

namespace dsabench {

/// Exit codes of the tool, each with one meaning.
enum class ExitCode : int {
  pass = 0,
  regression = 1,    ///< slower
  usage = 2,         ///< bad input, no such device
  inconclusive = 3,  ///< a time limit ended the run before its plan was done; no verdict
  untrusted = 4,     ///< throttled at every attempt; the twin differs from its base
  run_failed = 5,    ///< out of memory, crash
  incorrect = 6,     ///< quality, invariant or verification mismatch
  no_baseline = 7,   ///< nothing to be held against
  database = 8,      ///< database or disk
  interrupted = 130,
};

/// The code of an error that ends the tool; run_failed for what is none of ours.
ExitCode exit_code_of(const std::exception& error);
/// inconclusive, interrupted, then incorrect (what is wrong outweighs what failed), then
/// run_failed, then untrusted, then pass.
ExitCode exit_code_of(const RunSummary& summary);
/// By its verdict; incorrect where an exact or a quality metric is among the regressions.
ExitCode exit_code_of(const GateReport& report);

}  // namespace dsabench
