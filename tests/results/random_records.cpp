#include "tests/results/random_records.h"

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

#include "results/identity.h"

namespace dsabench::test {
namespace {

const std::vector<std::string> kFragments = {"'",
                                             "\"",
                                             "'; DROP TABLE run; --",
                                             "\n",
                                             "\r\n",
                                             "\t",
                                             "\x01\x1b[31m",
                                             "\x7f",
                                             "<b>",
                                             "</script>",
                                             "&amp;",
                                             "|",
                                             "`",
                                             "%s",
                                             "ü",
                                             "猫",
                                             "🦉",
                                             "\xff\xfe",
                                             "\xc3",
                                             "?1",
                                             ":name",
                                             " ",
                                             "word",
                                             "{\"a\": [1, 2]}",
                                             "\\",
                                             "\xe2\x80\xae",
                                             "0.1"};

std::int64_t any_integer(Random& random) {
  switch (random.integer(0, 3)) {
    case 0:
      return std::numeric_limits<std::int64_t>::min();
    case 1:
      return std::numeric_limits<std::int64_t>::max();
    default:
      return random.integer(-1'000'000'000'000, 1'000'000'000'000);
  }
}

auto fields(const RunRecord& r) {
  return std::tie(r.run_id, r.started_ms, r.finished_ms, r.status, r.command_line, r.tool_version,
                  r.machine_id, r.machine_json, r.build_id, r.build_json, r.model_id, r.model_json,
                  r.synthetic_weights, r.seed, r.plan_id, r.plan_json, r.mixed);
}
auto fields(const Continuation& c) {
  return std::tie(c.started_ms, c.command_line, c.machine_id, c.machine_json, c.build_id,
                  c.build_json);
}
auto fields(const PlannedCell& p) {
  const CellRecord& c = p.cell;
  return std::tie(c.cell_id, c.canonical_json, c.model, c.pattern, c.suite, c.phase, c.device_kind,
                  c.dtype, c.indexer_mode, c.picks, c.context_tokens, c.batch, p.position,
                  p.nominal_retention, p.pattern_origin, p.dialect);
}
auto fields(const TrialRecord& t) {
  return std::tie(t.run_id, t.cell_id, t.repeat, t.started_ms, t.finished_ms, t.process_id,
                  t.outcome, t.reason, t.stop_reason, t.num_warmups, t.verification_json,
                  t.conditions_json, t.machine_id, t.build_id);
}
auto fields(const MetricSamples& m) { return std::tie(m.name, m.unit, m.better, m.values); }
auto fields(const StageTime& s) {
  return std::tie(s.metric, s.sample, s.layer, s.stage, s.nanoseconds);
}
auto fields(const LayerRuns& l) { return std::tie(l.layer, l.runs, l.expected); }
auto fields(const DeviceSample& s) {
  return std::tie(s.elapsed_ns, s.sm_mhz, s.memory_mhz, s.power_mw, s.energy_mj, s.temperature_c,
                  s.clock_limits);
}
auto fields(const Ceiling& c) {
  return std::tie(c.continuation, c.name, c.unit, c.work, c.nanoseconds, c.note);
}
auto fields(const AnswerRecord& a) {
  return std::tie(a.item_id, a.task, a.prompt_hash, a.prompt_tokens, a.output_tokens, a.output,
                  a.finish, a.score);
}

auto fields(const ComparisonRecord& c) {
  return std::tie(c.comparison_id, c.kind, c.calibration_id, c.started_ms, c.finished_ms, c.status,
                  c.command_line, c.tool_version, c.machine_id, c.seed, c.settings_json);
}
auto fields(const ComparisonArm& a) { return std::tie(a.arm, a.label, a.binary, a.arguments_json); }
auto fields(const ComparisonSample& s) { return std::tie(s.round, s.place, s.arm, s.run_id); }
auto fields(const BaselineRecord& b) {
  return std::tie(b.baseline_id, b.name, b.promoted_ms, b.retired_ms, b.note, b.run_ids);
}

template <class Record>
bool all_equal(const std::vector<Record>& actual, const std::vector<Record>& expected) {
  return std::equal(actual.begin(), actual.end(), expected.begin(), expected.end(),
                    [](const Record& a, const Record& b) { return fields(a) == fields(b); });
}

}  // namespace

std::string hostile_text(Random& random) {
  std::string text;
  for (std::int64_t n = random.integer(0, 6); n > 0; --n) text += random.choice(kFragments);
  return text;
}

RunRecord random_run(Random& random) {
  RunRecord run;
  run.run_id = new_run_id();
  run.started_ms = any_integer(random);
  run.finished_ms = any_integer(random);
  run.seed = static_cast<std::uint64_t>(any_integer(random));
  run.synthetic_weights = random.integer(0, 1) == 1;
  run.mixed = random.integer(0, 1) == 1;
  for (std::int64_t i = random.integer(0, 2); i > 0; --i) {
    run.continuations.push_back({any_integer(random), hostile_text(random), hostile_text(random),
                                 hostile_text(random), hostile_text(random), hostile_text(random)});
  }
  for (std::int64_t i = 0, n = random.integer(0, 3); i < n; ++i) {  // in the order of reading
    run.ceilings.push_back({-1, std::to_string(i) + hostile_text(random), hostile_text(random),
                            any_integer(random), any_integer(random), hostile_text(random)});
  }
  for (std::string* text : {&run.status, &run.command_line, &run.tool_version, &run.machine_id,
                            &run.machine_json, &run.build_id, &run.build_json, &run.model_id,
                            &run.model_json, &run.plan_id, &run.plan_json}) {
    *text = hostile_text(random);
  }
  return run;
}

std::vector<PlannedCell> random_plan(Random& random, std::int64_t num_cells) {
  std::vector<PlannedCell> plan;
  for (std::int64_t i = 0; i < num_cells; ++i) {
    PlannedCell& planned = plan.emplace_back();
    CellRecord& cell = planned.cell;
    for (std::string* text :
         {&cell.model, &cell.pattern, &cell.suite, &cell.phase, &cell.device_kind, &cell.dtype,
          &cell.indexer_mode, &cell.picks, &planned.nominal_retention, &planned.pattern_origin,
          &planned.dialect}) {
      *text = hostile_text(random);
    }
    cell.context_tokens = any_integer(random);
    cell.batch = any_integer(random);
    cell.canonical_json = new_run_id() + hostile_text(random);
    cell.cell_id = content_hash(cell.canonical_json);
    planned.position = i;
  }
  return plan;
}

TrialRecord random_trial(Random& random, const std::string& run_id, const std::string& cell_id,
                         std::int64_t repeat) {
  TrialRecord trial;
  trial.run_id = run_id;
  trial.cell_id = cell_id;
  trial.repeat = repeat;
  trial.outcome = static_cast<TrialOutcome>(random.integer(0, 4));
  for (std::int64_t* number :
       {&trial.started_ms, &trial.finished_ms, &trial.process_id, &trial.num_warmups}) {
    *number = any_integer(random);
  }
  for (std::string* text : {&trial.reason, &trial.stop_reason, &trial.verification_json,
                            &trial.conditions_json, &trial.machine_id, &trial.build_id}) {
    *text = hostile_text(random);
  }
  for (std::int64_t i = random.integer(0, 4); i > 0; --i) {
    MetricSamples metric{
        std::to_string(i) + hostile_text(random), hostile_text(random), hostile_text(random), {}};
    for (std::int64_t n = random.integer(0, 40); n > 0; --n) {
      metric.values.push_back(any_integer(random));
    }
    trial.metrics.push_back(metric);
  }
  std::set<std::tuple<std::string, std::int64_t, std::int64_t, std::string>> stages;
  for (std::int64_t i = random.integer(0, 60); i > 0; --i) {
    stages.emplace(random.choice<std::string>({"prefill", "decode"}), random.integer(0, 3),
                   random.integer(-1, 5), random.choice<std::string>({"moe", "topk", "other"}));
  }
  for (const auto& [metric, sample, layer, stage] : stages) {
    trial.stage_times.push_back({metric, sample, layer, stage, any_integer(random)});
  }
  for (std::int64_t i = 0, n = random.integer(0, 6); i < n; ++i) {
    trial.layer_runs.push_back({i, any_integer(random), any_integer(random)});
  }
  for (std::int64_t i = random.integer(0, 9); i > 0; --i) {
    trial.device_samples.push_back({any_integer(random), any_integer(random), any_integer(random),
                                    any_integer(random), any_integer(random), any_integer(random),
                                    any_integer(random)});
  }
  for (std::int64_t i = random.integer(0, 8); i > 0; --i) {
    trial.answers.push_back({hostile_text(random), hostile_text(random), hostile_text(random),
                             any_integer(random), any_integer(random), hostile_text(random),
                             hostile_text(random), random.uniform()});
  }
  return trial;
}

ComparisonRecord random_comparison(Random& random) {
  ComparisonRecord comparison;
  comparison.comparison_id = new_run_id();
  comparison.kind = random.choice<std::string>({"ab", "calibrate"});
  if (comparison.kind == "calibrate") comparison.calibration_id = new_run_id();
  comparison.started_ms = any_integer(random);
  comparison.finished_ms = any_integer(random);
  comparison.status = random.choice<std::string>({"running", "done", "interrupted", "failed"});
  for (std::string* text : {&comparison.command_line, &comparison.tool_version,
                            &comparison.machine_id, &comparison.settings_json}) {
    *text = hostile_text(random);
  }
  comparison.seed = static_cast<std::uint64_t>(any_integer(random));
  for (const Arm arm : {Arm::base, Arm::twin, Arm::candidate}) {
    comparison.arms.push_back({arm, hostile_text(random), hostile_text(random), "[\"run\"]"});
  }
  return comparison;
}

void check_equal(const ComparisonRecord& actual, const ComparisonRecord& expected) {
  CHECK((fields(actual) == fields(expected)));
  CHECK(all_equal(actual.arms, expected.arms));
  CHECK(all_equal(actual.samples, expected.samples));
}
void check_equal(const std::vector<BaselineRecord>& actual,
                 const std::vector<BaselineRecord>& expected) {
  CHECK(all_equal(actual, expected));
}
void check_equal(const RunRecord& actual, const RunRecord& expected) {
  CHECK((fields(actual) == fields(expected)));
  CHECK(all_equal(actual.continuations, expected.continuations));
  CHECK(all_equal(actual.ceilings, expected.ceilings));
}
void check_equal(const std::vector<PlannedCell>& actual, const std::vector<PlannedCell>& expected) {
  CHECK(all_equal(actual, expected));
}
void check_equal(const std::vector<TrialRecord>& actual, const std::vector<TrialRecord>& expected) {
  CHECK(all_equal(actual, expected));
  REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    CAPTURE(i);
    CHECK(all_equal(actual[i].metrics, expected[i].metrics));
    CHECK(all_equal(actual[i].stage_times, expected[i].stage_times));
    CHECK(all_equal(actual[i].layer_runs, expected[i].layer_runs));
    CHECK(all_equal(actual[i].device_samples, expected[i].device_samples));
    CHECK(all_equal(actual[i].answers, expected[i].answers));
  }
}

}  // namespace dsabench::test
