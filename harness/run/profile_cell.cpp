#include "harness/run/profile_cell.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "harness/plan/memory_estimate.h"
#include "harness/run/environment.h"
#include "harness/run/trial.h"
#include "harness/run/wall_clock.h"

namespace dsabench {

ProfiledCell profile_cell(const ProfileSetup& setup) {
  const Cell& cell = setup.entry.cell;
  check_pattern_against_weights(setup.entry.pattern.pattern, *setup.model.weights);
  check_fits_memory(*setup.model.config, cell, free_memory_bytes(setup.model),
                    setup.model.weights->embedding.device().name());
  ProfiledCell profiled;
  profiled.config = *setup.model.config;
  profiled.cell = cell;
  profiled.planned.cell = to_record(cell);
  profiled.planned.nominal_retention = setup.entry.pattern.nominal_retention;
  profiled.planned.pattern_origin = setup.entry.pattern.origin;
  profiled.planned.dialect = setup.entry.pattern.dialect;

  TrialRecord& record = profiled.timed;
  record.cell_id = profiled.planned.cell.cell_id;
  record.started_ms = unix_milliseconds();
  record.process_id = ::getpid();
  record.verification_json = "{}";
  record.conditions_json = current_conditions();
  add_condition(record.conditions_json, "limits", to_json(setup.limits));

  const std::unique_ptr<Engine> engine = setup.engine_factory(setup.model, setup.entry);
  ProfileWatch watch(cell.pattern, setup.tracer);
  const StoppingRuleFactory rule = RunOptions().stopping_rule;
  const TrialSetup trial{setup.model,  setup.entry, setup.samples,  *engine,
                         setup.limits, rule,        setup.progress, setup.watch.monitor.get(),
                         &watch};
  const TrialPosition position{.index = 0, .total = 1};
  setup.progress.trial_started(position, cell);
  run_speed_trial(trial, record);
  record.outcome = TrialOutcome::ok;
  record.finished_ms = unix_milliseconds();
  setup.progress.trial_finished(position, cell, record);
  profiled.profile = watch.profile();
  check_traced_indexers(profiled.profile, cell.pattern);
  return profiled;
}

}  // namespace dsabench
