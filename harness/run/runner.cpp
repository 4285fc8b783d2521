#include "harness/run/runner.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <new>

#include "harness/plan/work_estimate.h"
#include "harness/run/environment.h"
#include "harness/run/sample_sets.h"
#include "harness/run/trial.h"
#include "results/identity.h"

namespace dsabench {
namespace {

std::int64_t unix_milliseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

/// Runs the trial, and turns what it throws into its outcome.
void run_guarded(TrialRecord& record, const std::function<void()>& trial) {
  const auto fail = [&record](TrialOutcome outcome, std::string reason) {
    record.outcome = outcome;
    record.reason = std::move(reason);
  };
  try {
    trial();
    record.outcome = TrialOutcome::ok;
  } catch (const VerificationError& error) {
    fail(TrialOutcome::incorrect, error.what());
  } catch (const OutOfMemory& error) {
    fail(TrialOutcome::failed, fmt::format("out of memory: {}", error.what()));
  } catch (const std::bad_alloc&) {
    fail(TrialOutcome::failed, "out of memory");
  } catch (const std::exception& error) {
    fail(TrialOutcome::failed, error.what());
  }
}

void count(RunSummary& summary, TrialOutcome outcome) {
  if (outcome == TrialOutcome::ok) {
    ++summary.num_ok;
  } else if (outcome == TrialOutcome::incorrect) {
    ++summary.num_incorrect;
  } else {
    ++summary.num_failed;
  }
}

}  // namespace

std::unique_ptr<Engine> make_engine(const LoadedModel& model, const PlanEntry& entry) {
  EngineOptions options;
  options.indexer_mode = parse_indexer_mode(entry.cell.indexer_mode);
  options.chunk_tokens = entry.cell.chunk_tokens;
  options.dense_attention = entry.cell.dense_attention;
  return std::make_unique<Engine>(model.config, model.weights, entry.pattern.pattern, options);
}

Runner::Runner(const LoadedModel& model, ResultStore& store, Progress& progress, RunOptions options)
    : model_(model), store_(store), progress_(progress), options_(std::move(options)) {
  validate(options_.limits);
  if (options_.repeats < 1) {
    throw InvalidArgument(fmt::format("--repeat: expected at least 1, got {}", options_.repeats));
  }
}

RunSummary Runner::run(RunRecord run, const SweepPlan& plan) {
  for (const PlanEntry& entry : plan.entries) {
    if (!entry.cell.dense_attention) {
      check_pattern_against_weights(entry.pattern.pattern, *model_.weights);
    }
  }
  const SampleSets samples(plan, model_);

  run.run_id = new_run_id();
  run.started_ms = unix_milliseconds();
  run.status = "running";
  const std::vector<PlannedCell> planned = to_records(plan);
  store_.add_run(run, planned);

  std::vector<double> work;
  TrialPosition position;
  double total_work = 0;
  for (const PlanEntry& entry : plan.entries) {
    work.push_back(estimate_flops(*model_.config, entry.cell));
    total_work += work.back() * double(options_.repeats);
  }
  position.total = std::ssize(plan.entries) * options_.repeats;
  progress_.run_started(run.run_id, position.total, total_work);

  RunSummary summary{.run_id = run.run_id, .status = "done"};
  for (; position.index < position.total; ++position.index) {
    if (options_.interrupted()) {
      summary.status = "interrupted";
      break;
    }
    const auto at = static_cast<std::size_t>(position.index % std::ssize(plan.entries));
    const PlanEntry& entry = plan.entries[at];
    position.repeat = position.index / std::ssize(plan.entries);
    position.work = work[at];
    progress_.trial_started(position, entry.cell);

    TrialRecord record;
    record.run_id = run.run_id;
    record.cell_id = planned[at].cell.cell_id;
    record.repeat = position.repeat;
    record.started_ms = unix_milliseconds();
    record.process_id = ::getpid();
    record.verification_json = "{}";
    record.conditions_json = current_conditions();
    run_guarded(record, [&] {
      const std::unique_ptr<Engine> engine = options_.engine_factory(model_, entry);
      const TrialSetup setup{model_,   entry,           samples.of(entry),
                             *engine,  options_.limits, options_.stopping_rule,
                             progress_};
      if (entry.cell.phase == Phase::generate) {
        run_quality_trial(setup, record);
      } else {
        run_speed_trial(setup, record);
      }
    });
    record.finished_ms = unix_milliseconds();
    store_.add_trial(record);
    count(summary, record.outcome);
    progress_.trial_finished(position, entry.cell, record);
  }
  store_.finish_run(run.run_id, summary.status, unix_milliseconds());
  progress_.run_finished(summary.status);
  return summary;
}

}  // namespace dsabench
