#include "harness/run/runner.h"

#include <fmt/format.h>
#include <unistd.h>

#include <new>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "harness/plan/memory_estimate.h"
#include "harness/plan/work_estimate.h"
#include "harness/profile/run_ceilings.h"
#include "harness/profile/throttle.h"
#include "harness/run/environment.h"
#include "harness/run/peak_memory.h"
#include "harness/run/sample_sets.h"
#include "harness/run/time_limit.h"
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
  } else if (outcome == TrialOutcome::discarded) {
    ++summary.num_discarded;
  } else {
    ++summary.num_failed;
  }
}

void count(RunSummary& summary, std::span<const RunProgress::Pair> tried) {
  for (const RunProgress::Pair& pair : tried) {
    count(summary, pair.ok ? TrialOutcome::ok : pair.last_outcome);
  }
}

RunMakers makers_beside(const RunRecord& run, const Continuation& continuation) {
  RunMakers own;
  if (continuation.machine_id != run.machine_id) own.machine_id = continuation.machine_id;
  if (continuation.build_id != run.build_id) own.build_id = continuation.build_id;
  return own;
}

std::unique_ptr<Engine> make_engine(const LoadedModel& model, const PlanEntry& entry) {
  EngineOptions options;
  options.indexer_mode = parse_indexer_mode(entry.cell.indexer_mode);
  options.cache_format = parse_cache_format(entry.cell.cache_format, entry.cell.dtype);
  options.chunk_tokens = entry.cell.chunk_tokens;
  options.dense_attention = entry.cell.dense_attention;
  return std::make_unique<Engine>(model.config, model.weights, entry.pattern.pattern, options);
}

std::int64_t free_memory_bytes(const LoadedModel& model) {
  const DeviceQueue* queue = model.weights->queue();
  return queue == nullptr ? available_memory_bytes() : queue->free_bytes();
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
  RunMakers own;
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
  return execute({run.run_id, plan, planned, samples, {}}, all_trials(plan, options_.repeats),
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
  const Session session{run.run_id, plan, planned, samples, makers_beside(run, begun)};
  return execute(session, tasks, std::move(summary));
}

void Runner::work(const std::string& run_id, const RunMakers& own, const SweepPlan& plan,
                  const std::function<std::optional<AssignedTrial>()>& next,
                  const std::function<void(const EndedTrial&)>& ended) {
  const SampleSets samples(plan, model_);
  const std::vector<PlannedCell> planned = to_records(plan);
  const Session session{run_id, plan, planned, samples, own};
  while (const std::optional<AssignedTrial> assigned = next()) {
    const Cell& cell = plan.entries.at(assigned->task.entry).cell;
    if (cell.phase != Phase::generate) add_ceilings(session);
    ended(run_task(session, assigned->task, assigned->position));
  }
}

RunSummary Runner::execute(const Session& session, const std::vector<TrialTask>& tasks,
                           RunSummary summary) {
  const auto work_of = [&](const TrialTask& task) {
    return estimate_trial_flops(*model_.config, session.plan.entries[task.entry].cell);
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
    if (is_out_of_time(entry.cell)) {
      summary.status = "interrupted";
      summary.out_of_time = true;
      break;
    }
    position.repeat = task.repeat;
    position.work = work_of(task);
    if (entry.cell.phase != Phase::generate) add_ceilings(session);
    count(summary, run_task(session, task, position).outcome);
    ++position.index;
  }
  store_.finish_run(session.run_id, summary.status, unix_milliseconds());
  progress_.run_finished(summary.status);
  return summary;
}

bool Runner::is_out_of_time(const Cell& next) const {
  if (options_.time_limit == nullptr) return false;
  const std::optional<std::string> refusal = options_.time_limit->refusal(next);
  if (refusal) progress_.message(*refusal);
  return refusal.has_value();
}

/// Until it is to be trusted, or has been tried often enough.
EndedTrial Runner::run_task(const Session& session, const TrialTask& task, TrialPosition position) {
  const Cell& cell = session.plan.entries[task.entry].cell;
  for (std::int64_t attempt = 0;; ++attempt) {
    progress_.trial_started(position, cell);
    const TrialRecord record = run_trial(session, task);
    store_.add_trial(record);
    const EndedTrial ended{record.outcome, cost_of(record)};
    if (options_.time_limit != nullptr)
      options_.time_limit->add(cell, ended.cost, ended.outcome == TrialOutcome::ok);
    progress_.trial_finished(position, cell, record);
    if (record.outcome != TrialOutcome::discarded || attempt == options_.max_retries) {
      return ended;
    }
    rest((attempt + 1) * options_.rest);
    if (options_.interrupted()) return ended;
    position.work = 0;  // it is counted once
  }
}

void Runner::rest(std::chrono::milliseconds time) const {
  if (time.count() <= 0) return;
  progress_.message(fmt::format("the device rests for {:.1f} s before the next attempt",
                                static_cast<double>(time.count()) * 1e-3));
  constexpr std::chrono::milliseconds kStep{100};
  for (; time.count() > 0 && !options_.interrupted(); time -= kStep) {
    std::this_thread::sleep_for(std::min(time, kStep));
  }
}

void Runner::add_ceilings(const Session& session) {
  if (has_ceilings_ || !options_.measure_ceilings) return;
  has_ceilings_ = true;
  const std::vector<Ceiling> ceilings = options_.measure_ceilings();
  store_.add_ceilings(session.run_id, ceilings);
  progress_.message("ceilings: " + describe(ceilings));
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
  for (const auto& [name, value] : options_.conditions) {
    add_condition(record.conditions_json, name, value);
  }
  if (options_.watch.monitor != nullptr) {
    add_condition(record.conditions_json, "gpu", options_.watch.monitor->uuid());
  } else if (!options_.watch.unavailable.empty()) {
    add_condition(record.conditions_json, "clocks_not_watched", options_.watch.unavailable);
  }
  record.machine_id = session.own.machine_id;
  record.build_id = session.own.build_id;
  store_.begin_trial(record.run_id, record.cell_id, record.repeat, record.started_ms);
  run_guarded(record, [&] {
    check_fits_memory(*model_.config, entry.cell, options_.free_memory(model_),
                      model_.weights->embedding.device().name());
    const std::unique_ptr<Engine> engine = options_.engine_factory(model_, entry);
    const TrialSetup setup{model_,
                           entry,
                           session.samples.of(entry),
                           *engine,
                           options_.limits,
                           options_.stopping_rule,
                           progress_,
                           options_.watch.monitor.get()};
    if (entry.cell.phase == Phase::generate) {
      run_quality_trial(setup, record);
    } else {
      run_speed_trial(setup, record);
    }
  });
  if (record.outcome == TrialOutcome::ok) {
    record.reason = throttle_reason(record.device_samples);
    if (!record.reason.empty()) record.outcome = TrialOutcome::discarded;
  }
  record.finished_ms = unix_milliseconds();
  return record;
}

}  // namespace dsabench
