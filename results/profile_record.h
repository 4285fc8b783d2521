#pragma once
/// What a profile saw, as the database keeps it: raw numbers, as in record.h.
#include "results/record.h"

namespace dsabench {

/// The status of a run that is a profile: it has one planned cell and no trials, so that its times
/// are nobody's measurement.
inline constexpr const char* kProfileStatus = "profile";

/// Launches of one kernel (or copies, or fills) in one stage of one layer.
struct ProfiledKernel {
  std::int64_t layer = -1;
  std::string stage;  ///< empty: given to the device outside of stages
  std::string name;
  std::int64_t launches = 0, nanoseconds = 0;
  std::int64_t bytes = 0;  ///< of copies and fills
};

struct ProfileRecord {
  std::string run_id, cell_id;
  std::string tracer;  ///< "CUPTI 130001"; empty: stages alone
  std::int64_t dropped_records = 0;
  std::string verification_json, conditions_json;  ///< as of a trial
  /// Prefills or decode steps, ns: before the profiler was started, and of the watched sample.
  std::vector<std::int64_t> timed, watched;
  /// By sample, layer and stage; `metric` is the cell's phase.
  std::vector<StageTime> timed_stages, watched_stages;
  std::vector<ProfiledKernel> kernels;  ///< by layer, stage and name
};

}  // namespace dsabench
