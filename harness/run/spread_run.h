#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/plan/run_plan.h"
#include "harness/run/runner.h"
#include "harness/run/trial_list.h"
#include "harness/run/worker_messages.h"

namespace dsabench {

/// What a spread run needs beside its plan.
struct SpreadOptions {
  std::vector<Device> devices;  ///< a worker each
  std::string program;          ///< the tool: its verb `worker` is what runs
  std::string database;
  bool ceilings = true;
};

/// A run whose trials are handed to one process per device, whichever is free; but cells that
/// differ in pattern alone go to one device, for GPUs of one kind differ by some percent, and a
/// speedup is to say what the pattern does. The workers write what they measure; this side begins
/// and ends the run. A worker that goes away costs the trial it was at, and the others go on.
class SpreadRun {
 public:
  /// Starts the workers. Plan and progress must outlive this. Throws IoError.
  SpreadRun(const RunPlan& plan, const SpreadOptions& options, Progress& progress);
  ~SpreadRun();

  /// Waits until every worker has loaded the model or has ended. Throws what the last of them said
  /// where none is left, and Error where they disagree about the model.
  ModelIdentity wait_until_loaded();

  /// Hands out `tasks` until there are none, `interrupted` or the time limit (null: none) says
  /// stop, or no worker is left, and waits for what is under way. What ended stands in the database
  /// and is not counted here; markers of trials whose worker went away are left there. Status
  /// "failed": trials are left that nobody runs. Throws StoreError where a worker could not write
  /// its results.
  RunSummary run(const WorkerRun& run, const std::vector<TrialTask>& tasks,
                 const std::function<bool()>& interrupted, TimeLimit* time_limit);

  /// Ends every worker at once. May be called beside run(), from another thread.
  void kill() const;
  std::vector<std::int64_t> process_ids() const;

 private:
  struct Worker;
  using Outcomes = std::vector<std::pair<TrialTask, EndedTrial>>;
  bool all(bool (*holds)(const Worker&)) const;
  std::optional<TrialTask> take_task(const Worker& worker);
  Outcomes wait_for_news();
  void read(Worker& worker, Outcomes& outcomes);
  void note_end(Worker& worker);

  const RunPlan& plan_;
  Progress& progress_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::deque<TrialTask> left_;                        ///< in plan order
  std::map<std::string, const Worker*> compared_on_;  ///< by what its cells share
};

}  // namespace dsabench
