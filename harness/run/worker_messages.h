#pragma once
/// What a spread run's process and its workers tell each other, a line each: JSON.
#include <string>

#include "harness/run/runner.h"

namespace dsabench {

/// First line to a worker: what it is to load.
struct WorkerPlan {
  std::string plan_json;
  std::int64_t num_workers = 1;
  bool is_first = false;  ///< of the workers: it speaks of the model
  bool ceilings = false;  ///< it measures the machine's
};
/// Second line to it, once it has sent the identity of the model that it loaded.
struct WorkerRun {
  std::string run_id;
  RunMakers own;
};
/// Every further line to it.
struct WorkerTrial {
  TrialTask task;
  std::int64_t index = 0, total = 0;  ///< of the whole run
};
/// Every further line from it is an EndedTrial.

std::string to_line(const WorkerPlan& message);
std::string to_line(const ModelIdentity& message);
std::string to_line(const WorkerRun& message);
std::string to_line(const WorkerTrial& message);
std::string to_line(const EndedTrial& message);

/// Each throws ParseError for a line that is none.
WorkerPlan parse_worker_plan(const std::string& line);
ModelIdentity parse_worker_model(const std::string& line);
WorkerRun parse_worker_run(const std::string& line);
WorkerTrial parse_worker_trial(const std::string& line);
EndedTrial parse_ended_trial(const std::string& line);

}  // namespace dsabench
