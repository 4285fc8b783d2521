#include "tests/results/gate_scenarios.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "results/identity.h"

namespace dsabench::test {
namespace {

constexpr double kPrefillNs = 100e6;
constexpr double kNoise = 0.005;

std::string run_id_of(const Script& script, const Turn& turn) {
  const auto hash = content_hash(script.name);
  return fmt::format("01900000-{}-7{}-8000-{:05}{:07}", hash.substr(0, 4), hash.substr(4, 3),
                     turn.round, static_cast<int>(turn.arm));
}

std::vector<Turn> turns_of(const Script& script, ScriptNoise& noise) {
  std::vector<Turn> turns;
  for (std::int64_t round = 0; round < script.num_rounds; ++round) {
    std::vector<Arm> arms = {Arm::base, Arm::candidate};
    if (script.has_twin) arms.push_back(Arm::twin);
    for (std::size_t i = arms.size(); i > 1; --i) {
      std::swap(arms[i - 1], arms[static_cast<std::size_t>(noise.uniform() * double(i))]);
    }
    for (std::size_t place = 0; place < arms.size(); ++place) {
      turns.push_back({arms[place], round, static_cast<std::int64_t>(place)});
    }
  }
  return turns;
}

RunResults run_of(const Script& script, const Turn& turn, ScriptNoise& noise) {
  RunResults results;
  RunRecord& run = results.run;
  run.run_id = run_id_of(script, turn);
  run.started_ms = 1'700'000'000'000 + 1000 * (3 * turn.round + turn.place);
  run.finished_ms = run.started_ms + 900;
  run.status = "done";
  run.command_line = "dsabench run";
  run.tool_version = "0.1.0";
  run.machine_json = script.machine(turn.arm);
  run.build_json = fmt::format(
      "{{\"git_commit\":\"{}\"}}",
      turn.arm == Arm::candidate && script.calibration_id.empty() ? "new" : script.base_commit);
  run.model_json = "{\"name\":\"builtin\"}";
  run.machine_id = content_hash(run.machine_json);
  run.build_id = content_hash(run.build_json);
  run.model_id = content_hash(run.model_json);
  results.plan = script.plan(turn.arm);
  for (const PlannedCell& planned : results.plan) {
    std::int64_t repeat = 0;
    for (TrialRecord trial : script.measure(planned, turn, noise)) {
      trial.run_id = run.run_id;
      trial.cell_id = planned.cell.cell_id;
      if (trial.outcome == TrialOutcome::ok) trial.repeat = repeat++;
      results.trials.push_back(std::move(trial));
    }
  }
  return results;
}

std::function<std::vector<PlannedCell>(Arm)> cells(std::int64_t count,
                                                   const std::string& suite = "speed") {
  return [=](Arm) {
    std::vector<PlannedCell> plan;
    for (std::int64_t i = 0; i < count; ++i) plan.push_back(scripted_cell(i, suite));
    return plan;
  };
}

using Slowdown = std::function<double(const PlannedCell&, const Turn&)>;

/// Each process's time: the level of its round, its own noise, and what `slowdown` says.
auto times(double drift, Slowdown slowdown) {
  return [=, level = 0.0, round = std::int64_t{-1}](const PlannedCell& planned, const Turn& turn,
                                                    ScriptNoise& noise) mutable {
    if (turn.round != round) {
      level = turn.round == 0 ? 0.0 : 0.9 * level + noise.normal(drift);
      round = turn.round;
    }
    const double log_time = level + noise.normal(kNoise) + std::log(slowdown(planned, turn));
    return std::vector<TrialRecord>{timed_trial(kPrefillNs * std::exp(log_time))};
  };
}
double same(const PlannedCell&, const Turn&) { return 1; }
Slowdown candidate_slower(double factor) {
  return [=](const PlannedCell&, const Turn& turn) {
    return turn.arm == Arm::candidate ? factor : 1.0;
  };
}

/// Answers of which the base has so many right, and the candidate loses and gains some.
auto answers(std::int64_t num_items, std::int64_t num_right, std::int64_t num_lost) {
  return [=](const PlannedCell&, const Turn& turn, ScriptNoise&) {
    std::vector<bool> right;
    for (std::int64_t i = 0; i < num_items; ++i) {
      right.push_back(i < num_right && !(turn.arm == Arm::candidate && i < num_lost));
    }
    return std::vector<TrialRecord>{answered_trial(right)};
  };
}

TrialRecord ended(TrialOutcome outcome, const std::string& reason) {
  TrialRecord trial;
  trial.outcome = outcome;
  trial.reason = reason;
  trial.verification_json = trial.conditions_json = "{}";
  return trial;
}

constexpr const char* kScoreOnly =
    R"({"metrics": [{"metric": "score", "kind": "quality", "margin": 1}]})";

}  // namespace

double ScriptNoise::normal(double sd) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += uniform();
  return sd * sum;
}

PlannedCell scripted_cell(std::int64_t position, const std::string& suite,
                          const std::string& pattern) {
  PlannedCell planned;
  CellRecord& cell = planned.cell;
  const bool speed = suite == "speed";
  cell.model = "builtin";
  cell.pattern = pattern;
  cell.suite = suite;
  cell.phase = speed ? "prefill" : "generate";
  cell.device_kind = "cpu";
  cell.dtype = "f32";
  cell.indexer_mode = "exact";
  cell.context_tokens = 1024 * (position + 1);
  cell.batch = 1;
  cell.canonical_json =
      fmt::format(R"({{"context_tokens":{},"pattern":"{}","phase":"{}","suite":"{}"}})",
                  cell.context_tokens, pattern, cell.phase, suite);
  cell.cell_id = content_hash(cell.canonical_json);
  planned.position = position;
  planned.pattern_origin = "given";
  planned.dialect = "paper";
  return planned;
}

TrialRecord timed_trial(double ns) {
  TrialRecord trial = ended(TrialOutcome::ok, "");
  const auto median = static_cast<std::int64_t>(std::llround(ns));
  trial.metrics = {{"prefill", "ns", "lower", {median, median + 900'000, median - 500'000}},
                   {"cache_bytes", "bytes", "exact", {3 << 20}},
                   {"matrix_work", "count", "exact", {2'000'000'000}}};
  return trial;
}

TrialRecord answered_trial(const std::vector<bool>& right) {
  TrialRecord trial = ended(TrialOutcome::ok, "");
  for (std::size_t i = 0; i < right.size(); ++i) {
    const std::string item = fmt::format("item-{}", i);
    trial.answers.push_back({item, "niah", content_hash(item), 1000, 8,
                             right[i] ? "the answer" : "another", "stop", right[i] ? 1.0 : 0.0});
  }
  return trial;
}

GateEvidence make_evidence(const Script& script) {
  ScriptNoise noise(script.seed);
  const std::vector<Turn> turns = turns_of(script, noise);
  GateEvidence evidence;
  evidence.paired = true;
  auto own = script;  // its closures may hold state
  for (const Turn& turn : turns) {
    evidence.samples.push_back({turn.arm, turn.round, turn.place, run_of(own, turn, noise)});
  }
  return evidence;
}

GatePolicy policy_of(const Script& script) {
  return script.policy.empty() ? default_gate_policy()
                               : parse_gate_policy(script.policy, "gate.json");
}

void write_comparison(const std::string& path, const Script& script) {
  const GateEvidence evidence = make_evidence(script);
  ComparisonRecord comparison;
  comparison.comparison_id = comparison_id_of(script.name);
  comparison.kind = script.calibration_id.empty() ? "ab" : "calibrate";
  comparison.calibration_id = script.calibration_id;
  comparison.started_ms = script.started_ms;
  comparison.finished_ms = script.started_ms + 900'000;
  comparison.status = "done";
  comparison.command_line = "dsabench ab";
  comparison.tool_version = "0.1.0";
  comparison.machine_id = content_hash(script.machine(Arm::base));
  comparison.seed = script.seed;
  comparison.settings_json = "{}";
  for (const Arm arm : {Arm::base, Arm::twin, Arm::candidate}) {
    if (arm == Arm::twin && !script.has_twin) continue;
    comparison.arms.push_back({arm, arm_name(arm), "./dsabench", "[\"run\"]"});
  }
  ResultStore store = ResultStore::open(path, ResultStore::Mode::read_write);
  store.add_comparison(comparison);
  for (const GateSample& sample : evidence.samples) {
    store.add_run(sample.run.run, sample.run.plan);
    for (const TrialRecord& trial : sample.run.trials) store.add_trial(trial);
  }
  // As add_comparison_sample leaves them, without a database for each process.
  SQLite::Database db(path, SQLite::OPEN_READWRITE);
  SQLite::Statement insert(db, "INSERT INTO comparison_sample VALUES (?, ?, ?, ?, ?)");
  for (const GateSample& sample : evidence.samples) {
    insert.reset();
    insert.bind(1, comparison.comparison_id);
    insert.bind(2, sample.round);
    insert.bind(3, sample.place);
    insert.bind(4, arm_name(sample.arm));
    insert.bind(5, sample.run.run.run_id);
    insert.exec();
  }
}

std::string comparison_id_of(const std::string& script_name) {
  return "01900000-0000-7000-8000-" + content_hash(script_name).substr(0, 12);
}

std::vector<std::string> run_ids(const Script& script, Arm arm) {
  std::vector<std::string> ids;
  for (std::int64_t round = 0; round < script.num_rounds; ++round) {
    ids.push_back(run_id_of(script, {arm, round, 0}));
  }
  return ids;
}

std::vector<Scenario> gate_scenarios() {
  std::vector<Scenario> all;
  const auto add = [&](std::string name, Verdict verdict, int exit_code) -> Script& {
    Scenario& one = all.emplace_back();
    one.script.name = std::move(name);
    one.script.seed = all.size();
    one.verdict = verdict;
    one.exit_code = exit_code;
    one.script.plan = cells(2);
    one.script.measure = times(0.0, same);
    return one.script;
  };
  constexpr int kPass = 0, kSlower = 1, kUnclear = 3, kUntrusted = 4, kWrong = 6;

  add("drift", Verdict::pass, kPass).measure = times(0.02, same);
  add("slower", Verdict::regression, kSlower).measure = times(0.004, candidate_slower(1.04));
  add("cold first arm", Verdict::inconclusive, kUnclear).measure =
      times(0.0, [](const PlannedCell&, const Turn& turn) { return turn.place == 0 ? 1.08 : 1.0; });
  add("throttled trial", Verdict::environment_untrusted, kUntrusted).measure =
      [steady = times(0.0, same)](const PlannedCell& planned, const Turn& turn,
                                  ScriptNoise& noise) mutable {
        const TrialRecord hot =
            ended(TrialOutcome::discarded, "throttled: HW thermal slowdown in 12 of 40 readings");
        if (turn.round == 7 && turn.arm == Arm::candidate) return std::vector{hot, hot};
        auto trials = steady(planned, turn, noise);
        if (turn.round == 3) trials.insert(trials.begin(), hot);
        return trials;
      };
  add("missing cell", Verdict::regression, kWrong).plan = [](Arm arm) {
    return cells(arm == Arm::candidate ? 2 : 3)(arm);
  };
  add("new cell", Verdict::pass, kPass).plan = [](Arm arm) {
    return cells(arm == Arm::candidate ? 3 : 2)(arm);
  };
  Script& holm = add("one of 40 metrics", Verdict::regression, kSlower);
  holm.plan = cells(40);
  holm.measure = times(0.004, [](const PlannedCell& planned, const Turn& turn) {
    return turn.arm == Arm::candidate && planned.position == 17 ? 1.04 : 1.0;
  });
  Script& one_item = add("one item of 30 lost", Verdict::inconclusive, kUnclear);
  one_item.plan = cells(1, "ruler-synth");
  one_item.measure = answers(30, 20, 1);
  one_item.policy = kScoreOnly;
  one_item.num_rounds = 2;
  Script& many_items = add("20 of 300 items lost", Verdict::regression, kWrong);
  many_items.plan = cells(1, "ruler-synth");
  many_items.measure = answers(300, 240, 20);
  many_items.policy = kScoreOnly;
  many_items.num_rounds = 1;
  Script& identical = add("identical tokens", Verdict::pass, kPass);
  identical.plan = cells(1, "ruler-synth");
  identical.measure = answers(30, 20, 0);
  identical.num_rounds = 2;
  Script& tokens = add("other tokens", Verdict::regression, kWrong);
  tokens.plan = cells(1, "ruler-synth");
  tokens.measure = answers(30, 20, 2);
  tokens.num_rounds = 2;
  add("too few processes", Verdict::insufficient, kUnclear).num_rounds = 5;
  add("twin trips", Verdict::environment_untrusted, kUntrusted).measure =
      times(0.0, [](const PlannedCell& planned, const Turn& turn) {
        return turn.arm == Arm::twin && planned.position == 1 ? 1.05 : 1.0;
      });
  add("machines differ", Verdict::environment_untrusted, kUntrusted).machine = [](Arm arm) {
    return fmt::format("{{\"cpu_model\":\"{} CPU\"}}",
                       arm == Arm::candidate ? "Another" : "Example");
  };
  add("wrong and slower", Verdict::regression, kWrong).measure =
      [slower = times(0.0, candidate_slower(1.04))](const PlannedCell& planned, const Turn& turn,
                                                    ScriptNoise& noise) mutable {
        if (planned.position == 1 && turn.arm == Arm::candidate && turn.round == 4) {
          return std::vector{ended(TrialOutcome::incorrect, "row 7 of layer 2 differs by 0.5")};
        }
        return slower(planned, turn, noise);
      };
  add("another counter", Verdict::regression, kWrong).measure =
      [steady = times(0.0, same)](const PlannedCell& planned, const Turn& turn,
                                  ScriptNoise& noise) mutable {
        auto trials = steady(planned, turn, noise);
        if (turn.arm == Arm::candidate && planned.position == 0) {
          trials[0].metrics[1].values = {4 << 20};
        }
        return trials;
      };
  return all;
}

const Scenario& scenario(const std::string& name) {
  static const std::vector<Scenario> all = gate_scenarios();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Scenario& one) { return one.script.name == name; });
  if (found == all.end()) throw std::invalid_argument("no such scenario: " + name);
  return *found;
}

}  // namespace dsabench::test
