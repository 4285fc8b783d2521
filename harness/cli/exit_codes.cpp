#include "harness/cli/exit_codes.h"

#include "kernels/base/error.h"

namespace dsabench {
namespace {

template <class... Kinds>
bool is_one_of(const std::exception& error) {
  return ((dynamic_cast<const Kinds*>(&error) != nullptr) || ...);
}

}  // namespace

ExitCode exit_code_of(const std::exception& error) {
  if (is_one_of<InvalidArgument, ParseError, IoError, UnsupportedDevice>(error)) {
    return ExitCode::usage;
  }
  if (is_one_of<VerificationError>(error)) return ExitCode::incorrect;
  if (is_one_of<StoreError>(error)) return ExitCode::database;
  if (is_one_of<Interrupted>(error)) return ExitCode::interrupted;
  return ExitCode::run_failed;
}

ExitCode exit_code_of(const RunSummary& summary) {
  if (summary.out_of_time) return ExitCode::inconclusive;
  if (summary.status == "interrupted") return ExitCode::interrupted;
  if (summary.num_incorrect > 0) return ExitCode::incorrect;
  if (summary.num_failed > 0 || summary.status == "failed") return ExitCode::run_failed;
  if (summary.num_discarded > 0) return ExitCode::untrusted;
  return ExitCode::pass;
}

ExitCode exit_code_of(const GateReport& report) {
  switch (report.verdict) {
    case Verdict::pass:
      return ExitCode::pass;
    case Verdict::regression:
      return report.quality_regressed ? ExitCode::incorrect : ExitCode::regression;
    case Verdict::inconclusive:
    case Verdict::insufficient:
      return ExitCode::inconclusive;
    case Verdict::environment_untrusted:
      return ExitCode::untrusted;
  }
  return ExitCode::run_failed;
}

}  // namespace dsabench
