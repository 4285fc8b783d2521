#include "harness/run/runner.h"

#include <fmt/format.h>
#include <unistd.h>

#include <new>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/plan/work_estimate.h"
#include "harness/run/environment.h"
#include "harness/run/sample_sets.h"
#include "harness/run/trial.h"
#include "harness/run/wall_clock.h"
#include "results/identity.h"

namespace dsabench {
namespace {

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

}  // namespace

void count(RunSummary& summary, TrialOutcome outcome) {
  if (outcome == TrialOutcome::ok) {
    ++summary.num_ok;
  } else if (outcome == TrialOutcome::incorrect) {
    ++summary.num_incorrect;
  } else {
    ++summary.num_failed;
  }
}

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

/// What all trials of one call share.
struct Runner::Session {
  std::string run_id;
  const SweepPlan& plan;
  const std::vector<PlannedCell>& planned;
  const SampleSets& samples;
  std::string machine_id, build_id;  ///< where they are not the run's
};

void Runner::check_fits(const SweepPlan& plan) const {
  for (const PlanEntry& entry : plan.entries) {
    if (!entry.cell.dense_attention) {
      check_pattern_against_weights(entry.pattern.pattern, *model_.weights);
    }
  }
}

RunSummary Runner::run(RunRecord run, const SweepPlan& plan) {
  check_fits(plan);
  const SampleSets samples(plan, model_);
  if (run.run_id.empty()) run.run_id = new_run_id();
  run.started_ms = unix_milliseconds();
  run.status = "running";
  const std::vector<PlannedCell> planned = to_records(plan);
  store_.add_run(run, planned);
  return execute({run.run_id, plan, planned, samples, {}, {}}, all_trials(plan, options_.repeats),
                 {.run_id = run.run_id, .status = "done"});
}

RunSummary Runner::resume(const RunProgress& before, const SweepPlan& plan,
                          const std::vector<TrialTask>& tasks, const Continuation& continuation) {
  check_fits(plan);
  const SampleSets samples(plan, model_);
  const RunRecord& run = before.run;
  Continuation begun = continuation;
  begun.started_ms = unix_milliseconds();
  store_.reopen_run(run.run_id, begun);

  const std::vector<PlannedCell> planned = to_records(plan);
  std::set<std::pair<std::string, std::int64_t>> again;
  for (const TrialTask& task : tasks) {
    again.insert({planned[task.entry].cell.cell_id, task.repeat});
  }
  RunSummary summary{.run_id = run.run_id, .status = "done"};
  for (const RunProgress::Pair& pair : before.tried) {
    if (again.contains({pair.cell_id, pair.repeat})) continue;
    count(summary, pair.ok ? TrialOutcome::ok : pair.last_outcome);
  }
  Session session{run.run_id, plan, planned, samples, {}, {}};
  if (begun.machine_id != run.machine_id) session.machine_id = begun.machine_id;
  if (begun.build_id != run.build_id) session.build_id = begun.build_id;
  return execute(session, tasks, std::move(summary));
}

RunSummary Runner::execute(const Session& session, const std::vector<TrialTask>& tasks,
                           RunSummary summary) {
  const auto work_of = [&](const TrialTask& task) {
    return estimate_flops(*model_.config, session.plan.entries[task.entry].cell);
  };
  double total_work = 0;
  for (const TrialTask& task : tasks) total_work += work_of(task);
  TrialPosition position;
  position.total = std::ssize(session.plan.entries) * options_.repeats;
  position.index = position.total - std::ssize(tasks);
  progress_.run_started(session.run_id, std::ssize(tasks), total_work);

  for (const TrialTask& task : tasks) {
    if (options_.interrupted()) {
      summary.status = "interrupted";
      break;
    }
    const PlanEntry& entry = session.plan.entries[task.entry];
    position.repeat = task.repeat;
    position.work = work_of(task);
    progress_.trial_started(position, entry.cell);
    const TrialRecord record = run_trial(session, task);
    store_.add_trial(record);
    count(summary, record.outcome);
    progress_.trial_finished(position, entry.cell, record);
    ++position.index;
  }
  store_.finish_run(session.run_id, summary.status, unix_milliseconds());
  progress_.run_finished(summary.status);
  return summary;
}

TrialRecord Runner::run_trial(const Session& session, const TrialTask& task) {
  const PlanEntry& entry = session.plan.entries[task.entry];
  TrialRecord record;
  record.run_id = session.run_id;
  record.cell_id = session.planned[task.entry].cell.cell_id;
  record.repeat = task.repeat;
  record.started_ms = unix_milliseconds();
  record.process_id = ::getpid();
  record.verification_json = "{}";
  record.conditions_json = current_conditions();
  add_condition(record.conditions_json, "limits", to_json(options_.limits));
  record.machine_id = session.machine_id;
  record.build_id = session.build_id;
  store_.begin_trial(record.run_id, record.cell_id, record.repeat, record.started_ms);
  run_guarded(record, [&] {
    const std::unique_ptr<Engine> engine = options_.engine_factory(model_, entry);
    const TrialSetup setup{model_,   entry,           session.samples.of(entry),
                           *engine,  options_.limits, options_.stopping_rule,
                           progress_};
    if (entry.cell.phase == Phase::generate) {
      run_quality_trial(setup, record);
    } else {
      run_speed_trial(setup, record);
    }
  });
  record.finished_ms = unix_milliseconds();
  return record;
}

}  // namespace dsabench
