#include "harness/run/aborted_run.h"

#include <algorithm>
#include <chrono>
#include <exception>

#include "harness/run/wall_clock.h"
#include "results/store.h"

namespace dsabench {

void record_abort(const std::string& database, const std::string& run_id,
                  const std::vector<std::int64_t>& process_ids) noexcept try {
  const std::int64_t now = unix_milliseconds();
  ResultStore store =
      ResultStore::open(database, ResultStore::Mode::read_write, std::chrono::seconds(2));
  const RunProgress progress = store.load_progress(run_id);
  for (const RunningTrial& running : progress.running) {
    if (std::find(process_ids.begin(), process_ids.end(), running.process_id) ==
        process_ids.end()) {
      continue;
    }
    store.add_trial(ended_trial(progress.run, running, TrialOutcome::interrupted,
                                "interrupted: the run was stopped at once", now));
  }
  store.finish_run(run_id, "interrupted", now);
} catch (const std::exception&) {
  // The process ends now: there is no one left to tell.
}

}  // namespace dsabench
