#include "harness/run/aborted_run.h"

#include <unistd.h>

#include <chrono>
#include <exception>

#include "harness/run/wall_clock.h"
#include "results/store.h"

namespace dsabench {

void record_abort(const std::string& database, const std::string& run_id) noexcept try {
  const std::int64_t now = unix_milliseconds();
  ResultStore store =
      ResultStore::open(database, ResultStore::Mode::read_write, std::chrono::seconds(2));
  for (const RunningTrial& running : store.load_progress(run_id).running) {
    if (running.process_id != ::getpid()) continue;
    store.add_trial(ended_trial(running, TrialOutcome::interrupted,
                                "interrupted: the run was stopped at once", now));
  }
  store.finish_run(run_id, "interrupted", now);
} catch (const std::exception&) {
  // The process ends now: there is no one left to tell.
}

}  // namespace dsabench
