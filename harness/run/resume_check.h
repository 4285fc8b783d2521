#pragma once
#include <string>

#include "harness/run/environment.h"
#include "results/record.h"

namespace dsabench {

/// What a run would be gone on with.
struct ResumeHere {
  Identity machine, build;
  std::string model_id, model_json;
  std::string plan_difference;  ///< in words; empty: the plan is the same
};

/// Throws InvalidArgument that lists each of machine, build, model and plan that is not the run's,
/// with what differs: the run's value and the value here. With `allow_new_machine`, machine and
/// build may differ.
void check_resumable(const RunRecord& run, const ResumeHere& here, bool allow_new_machine);

}  // namespace dsabench
