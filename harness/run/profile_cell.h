#pragma once
#include <vector>

#include "harness/profile/activity_tracer.h"
#include "harness/profile/device_monitor.h"
#include "harness/profile/profiled_cell.h"
#include "harness/run/runner.h"

namespace dsabench {

/// What the profile of a cell is made with; all of it outlives the call.
struct ProfileSetup {
  const LoadedModel& model;
  const PlanEntry& entry;  ///< of a speed suite
  const std::vector<Sample>& samples;
  const SamplingLimits& limits;
  const EngineFactory& engine_factory;
  MonitorChoice watch;
  ActivityTracer* tracer = nullptr;  ///< null: stages alone
  Progress& progress;
};

/// Times the cell as a trial of a run does, verified and without a profiler; then profiles a sample
/// on the same engine, which must give the same logits and tokens. Ceilings are left empty. Throws
/// VerificationError also where the tracer saw an indexer that should not have run, OutOfMemory
/// before what cannot fit, and ProfilerError.
ProfiledCell profile_cell(const ProfileSetup& setup);

}  // namespace dsabench
