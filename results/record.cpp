#include "results/record.h"

#include <array>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

constexpr std::array<const char*, 5> kOutcomeNames = {"ok", "incorrect", "failed", "discarded",
                                                      "interrupted"};

}  // namespace

const char* trial_outcome_name(TrialOutcome outcome) {
  return kOutcomeNames.at(static_cast<std::size_t>(outcome));
}

TrialOutcome parse_trial_outcome(const std::string& name) {
  for (std::size_t i = 0; i < kOutcomeNames.size(); ++i) {
    if (name == kOutcomeNames[i]) return static_cast<TrialOutcome>(i);
  }
  throw InvalidArgument(
      "a trial's outcome is one of ok, incorrect, failed, discarded, interrupted; got " + name);
}

}  // namespace dsabench
