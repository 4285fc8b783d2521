#include "harness/run/aborted_run.h"

#include <unistd.h>

#include <chrono>
#include <exception>

#include "results/store.h"

namespace dsabench {

void record_abort(const std::string& database, const std::string& run_id) noexcept try {
  using namespace std::chrono;
  const std::int64_t now =
      duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  ResultStore store = ResultStore::open(database, ResultStore::Mode::read_write, seconds(2));
  for (const RunningTrial& running : store.load_progress(run_id).running) {
    if (running.process_id != ::getpid()) continue;
    TrialRecord trial;
    trial.run_id = running.run_id;
    trial.cell_id = running.cell_id;
    trial.repeat = running.repeat;
    trial.started_ms = running.started_ms;
    trial.finished_ms = now;
    trial.process_id = running.process_id;
    trial.outcome = TrialOutcome::interrupted;
    trial.reason = "interrupted: the run was stopped at once";
    trial.verification_json = trial.conditions_json = "{}";
    store.add_trial(trial);
  }
  store.finish_run(run_id, "interrupted", now);
} catch (const std::exception&) {
  // The process ends now: there is no one left to tell.
}

}  // namespace dsabench
