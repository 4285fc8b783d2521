#pragma once
/// Comparisons made up for the gate: scripts of what each process measures, as evidence and as a
/// database.
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "results/gate.h"

namespace dsabench::test {

/// Noise that is the same on every machine.
class ScriptNoise {
 public:
  explicit ScriptNoise(std::uint64_t seed) : engine_(seed) {}
  /// In [0, 1).
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }
  /// Mean 0, standard deviation `sd`, near to normal: a sum of twelve.
  double normal(double sd);

 private:
  std::mt19937_64 engine_;
};

/// The turn of a process.
struct Turn {
  Arm arm = Arm::base;
  std::int64_t round = 0, place = 0;
};

struct Script {
  std::string name;
  std::uint64_t seed = 1;
  std::int64_t num_rounds = 20;
  bool has_twin = true;
  /// Each arm's; all alike where nothing is said.
  std::function<std::vector<PlannedCell>(Arm)> plan;
  /// The trials of a cell in a process.
  std::function<std::vector<TrialRecord>(const PlannedCell&, const Turn&, ScriptNoise&)> measure;
  std::function<std::string(Arm)> machine = [](Arm) { return "{\"cpu_model\":\"Example CPU\"}"; };
  std::string policy;  ///< gate.json; empty: the default
  /// As it is stored. With an id it is one of a calibration's comparisons, else one of `ab`.
  std::string calibration_id, base_commit = "old";
  std::int64_t started_ms = 1'700'000'000'000;
};

/// A cell of the suite `speed`, or of one that asks.
PlannedCell scripted_cell(std::int64_t position, const std::string& suite = "speed",
                          const std::string& pattern = "FSFS");
/// A trial that went well, of one prefill time in several samples around `ns`.
TrialRecord timed_trial(double ns);
/// A trial with right and wrong answers, by item.
TrialRecord answered_trial(const std::vector<bool>& right);

GateEvidence make_evidence(const Script& script);
GatePolicy policy_of(const Script& script);

/// Writes the processes of the script as runs and, of scripts in rounds, as the comparison named
/// after it.
void write_comparison(const std::string& path, const Script& script);
std::string comparison_id_of(const std::string& script_name);
/// The ids of an arm's runs.
std::vector<std::string> run_ids(const Script& script, Arm arm);

/// What has to be told apart, each with the verdict it must have.
struct Scenario {
  Script script;
  Verdict verdict = Verdict::pass;
  int exit_code = 0;
};
std::vector<Scenario> gate_scenarios();
const Scenario& scenario(const std::string& name);

}  // namespace dsabench::test
