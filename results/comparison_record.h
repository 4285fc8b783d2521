#pragma once
/// Comparisons of arms in fresh processes, and baselines, as values of the database.
#include <cstdint>
#include <string>
#include <vector>

#include "results/record.h"

namespace dsabench {

/// One side of a comparison. The twin is the base once more: where the two differ, the machine is
/// not to be trusted.
enum class Arm { base, twin, candidate };
const char* arm_name(Arm arm);
Arm parse_arm(const std::string& name);

/// What an arm's processes are started as.
struct ComparisonArm {
  Arm arm = Arm::base;
  std::string label;           ///< as the user named it: a path, a pattern
  std::string binary;          ///< path
  std::string arguments_json;  ///< array of strings, without what names the scratch database
};

/// One process of a comparison: a run of one arm. All arms run once in a round, in a drawn order.
struct ComparisonSample {
  std::int64_t round = 0, place = 0;  ///< place: its turn within the round
  Arm arm = Arm::base;
  std::string run_id;  ///< of the run that the process made
};

/// A comparison, by interleaved fresh processes.
struct ComparisonRecord {
  std::string comparison_id;  ///< UUIDv7: sorts by time
  std::string kind;           ///< "ab"; "calibrate": base against base
  /// The comparisons of one `calibrate` have one id; empty for ab.
  std::string calibration_id;
  std::int64_t started_ms = 0;
  std::int64_t finished_ms = 0;  ///< 0 while it runs
  std::string status;            ///< running, done, interrupted, failed
  std::string command_line, tool_version;
  std::string machine_id;     ///< of the machine that made every run of it
  std::uint64_t seed = 0;     ///< of the orders
  std::string settings_json;  ///< looks, alpha, policy: what the verdict was asked with
  std::vector<ComparisonArm> arms;
  std::vector<ComparisonSample> samples;  ///< by round, then place
};

/// Runs that later ones are held against, under a name. Promoting a name again leaves the older
/// baseline in place; the newest that is not retired is in force.
struct BaselineRecord {
  std::int64_t baseline_id = 0;  ///< given by the database
  std::string name;
  std::int64_t promoted_ms = 0;
  std::int64_t retired_ms = 0;  ///< 0: not retired
  std::string note;
  std::vector<std::string> run_ids;
};

}  // namespace dsabench
