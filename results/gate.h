#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "results/comparison_record.h"
#include "results/report/table.h"
#include "results/store.h"

namespace dsabench {

/// What a gate holds a metric to.
enum class MetricKind {
  time,     ///< a median per process; slower by more than `margin` (a fraction) is a regression
  exact,    ///< counters, bytes, greedy tokens: equal on both sides, or a regression
  quality,  ///< scores item by item; worse by more than `margin` (points of 100) is a regression
};

struct GatedMetric {
  std::string metric;  ///< a metric's name; "tokens": greedy outputs; "score": of answers
  MetricKind kind = MetricKind::time;
  double margin = 0;
  /// Only cells whose canonical form has these values; empty: all cells.
  std::vector<std::pair<std::string, std::string>> where;
};

/// gate.json: what is judged, and how surely.
struct GatePolicy {
  std::vector<GatedMetric> metrics;
  double alpha = 0.01;          ///< familywise, over all gated metrics of kind time (Holm)
  double confidence = 0.95;     ///< of the intervals printed
  double noise_factor = 3;      ///< a slowdown must also exceed this many noise floors
  bool require_calibration = false;  ///< no calibration of the machine: ENVIRONMENT_UNTRUSTED
  std::uint64_t seed = 1;       ///< of bootstraps
};
/// Prefill and decode times within 2 %, every exact metric and greedy tokens equal, scores within
/// one point.
GatePolicy default_gate_policy();
/// Throws InvalidArgument naming source, line or field, and value.
GatePolicy parse_gate_policy(const std::string& text, const std::string& source);

/// How far the same build differs from itself on one machine: sd of the Hodges-Lehmann log ratios of
/// base against base.
struct NoiseFloor {
  std::string cell_id, metric;
  double sd = 0;
  std::int64_t num_comparisons = 0;
};

/// One process on one side. Its value of a metric is the median of all its samples of ok trials.
struct GateSample {
  Arm arm = Arm::base;
  std::int64_t round = 0, place = 0;
  RunResults run;
};

struct GateEvidence {
  /// True: rounds of interleaved processes (`ab`), judged as pairs of a round. False: a baseline's
  /// runs and later ones, judged as two independent samples.
  bool paired = false;
  std::vector<GateSample> samples;
  /// Keys of the canonical form in which the arms differ by design ("pattern"): cells are paired
  /// where they agree but for these, as compare_runs pairs them. Empty: cells of one id.
  std::vector<std::string> ignored_keys;
  std::vector<NoiseFloor> noise_floors;
  /// The look's share of alpha: 1 / looks where the evidence is looked at several times.
  double alpha_share = 1;
};

enum class Verdict { pass, regression, inconclusive, insufficient, environment_untrusted };
const char* verdict_name(Verdict verdict);  ///< "PASS", "REGRESSION", ...

struct GateRow {
  CellRecord cell;
  std::string metric;
  MetricKind kind = MetricKind::time;
  Verdict verdict = Verdict::insufficient;
  double base = 0, candidate = 0;  ///< medians (ns, bytes, count), or mean scores
  /// time: candidate / base; quality: difference in points; exact: 1 where equal.
  double effect = 1, low = 0, high = 0;
  double p = 1, p_adjusted = 1;    ///< one-sided: worse
  double detectable = 0;           ///< time: slowdown that is seen with 90 % power; 0: not known
  std::int64_t num_base = 0, num_candidate = 0;  ///< processes, or items
  std::string reason;              ///< one sentence
};

struct GateReport {
  std::vector<GateRow> rows;
  /// Of no single row: cells that one side lacks, throttled trials, the twin's verdict.
  std::vector<std::string> findings;
  Verdict verdict = Verdict::insufficient;
  bool quality_regressed = false;  ///< an exact or a quality metric is among the regressions
};
/// Judges every gated metric of every cell that both sides have.
///   time     REGRESSION: Holm-adjusted one-sided p < alpha * alpha_share, the Hodges-Lehmann ratio
///            beyond 1 + max(margin, noise_factor * noise floor), and its lower bound above 1. PASS:
///            the upper bound of the 1 - 2 alpha * alpha_share interval below 1 + margin. INSUFFICIENT: too
///            few processes to reach alpha; else INCONCLUSIVE.
///   exact    all values of all processes equal: PASS, else REGRESSION.
///   quality  items paired by task, id and prompt; identical outputs pass. Right/wrong: exact
///            McNemar and the interval of the paired difference; partial or repeated scores: cluster
///            bootstrap by question. REGRESSION: worse at alpha and by more than the margin; PASS: the
///            lower bound above -margin; else INCONCLUSIVE.
/// A cell of the base that the candidate lacks, failed or got wrong is a REGRESSION (exit code 6: what was right is no
/// longer there); a new cell is a finding. ENVIRONMENT_UNTRUSTED as a whole: machines differ, the twin differs from
/// the base by the same rule, or so many trials were throttled that a process is without a value.
/// The whole: environment_untrusted, else regression, insufficient, inconclusive, pass, the first
/// that any row has. Throws InvalidArgument for a policy that fits no metric of the evidence.
GateReport judge(const GatePolicy& policy, const GateEvidence& evidence);

/// Tables "gate" (a row each, worst first) and "gate_summary" for the formats of results/report.
std::vector<Table> gate_tables(const GateReport& report);

}  // namespace dsabench
