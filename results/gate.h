#pragma once
#include <cstdint>
#include <string>
#include <utility>
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
  /// A metric's name; "exact": every metric that is exact; "tokens": greedy outputs; "score": of
  /// answers.
  std::string metric;
  MetricKind kind = MetricKind::time;
  double margin = 0;
  /// Only cells with these values, of the canonical form or of the columns that repeat it ("model",
  /// "context_tokens", ...); empty: all cells.
  std::vector<std::pair<std::string, std::string>> where;
  /// That no cell has it is an error, not a choice: a name mistyped must not pass for a gate.
  bool required = true;
};

/// gate.json: what is judged, and how surely.
struct GatePolicy {
  std::vector<GatedMetric> metrics;  ///< of those that fit a cell's metric, the first holds
  double alpha = 0.01;               ///< familywise, over all gated metrics of kind time (Holm)
  double confidence = 0.95;          ///< of the intervals printed
  double noise_factor = 3;           ///< a slowdown must also exceed this many noise floors
  bool require_calibration = false;  ///< no calibration of the machine: ENVIRONMENT_UNTRUSTED
  std::uint64_t seed = 1;            ///< of bootstraps
};
/// Prefill and decode times within 2 %, every exact metric and greedy tokens equal, scores within
/// one point; each where there is such a thing.
GatePolicy default_gate_policy();
/// Reads gate.json; what is left out of its top is at the defaults above.
///   {"alpha": 0.01, "confidence": 0.95, "noise_factor": 3, "require_calibration": false, "seed":
///   1,
///    "metrics": [{"metric": "prefill", "kind": "time", "margin": 0.02,
///                 "where": {"context_tokens": 4096}},
///                {"metric": "exact", "kind": "exact"}, {"metric": "tokens", "kind": "exact"},
///                {"metric": "score", "kind": "quality", "margin": 1, "required": false}]}
/// Throws ParseError, "SOURCE:LINE:COLUMN: ...", for text that is no JSON and InvalidArgument,
/// "SOURCE:LINE:COLUMN: /JSON/POINTER: ...", for what it says.
GatePolicy parse_gate_policy(const std::string& text, const std::string& source);

/// How far the same build differs from itself on one machine: sd of the Hodges-Lehmann log ratios
/// of base against base.
struct NoiseFloor {
  std::string cell_id, metric;
  double sd = 0;
  std::int64_t num_comparisons = 0;
  double num_pairs = 0;  ///< of each comparison, on average
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
  CellRecord cell;     ///< the candidate's where it has it
  std::string metric;  ///< "cell": the candidate lacks the cell, failed or got it wrong
  std::string unit;    ///< of base and candidate: "ns", "bytes", "points", ...
  MetricKind kind = MetricKind::time;
  Verdict verdict = Verdict::insufficient;
  /// Medians over the processes; mean scores x 100; of "tokens" the items and those equal.
  double base = 0, candidate = 0;
  /// time: candidate / base; quality: difference in points; exact: 1 where equal.
  double effect = 1, low = 0, high = 0;
  double p = 1, p_adjusted = 1;  ///< one-sided: worse
  double detectable = 0;         ///< time: slowdown that is seen with 90 % power; 0: not known
  std::int64_t num_base = 0, num_candidate = 0;  ///< processes, or items
  std::string reason;                            ///< one sentence
};

struct GateReport {
  std::vector<GateRow> rows;
  /// Of no single row: cells that one side lacks, throttled trials, the twin's verdict.
  std::vector<std::string> findings;
  Verdict verdict = Verdict::insufficient;
  bool quality_regressed = false;  ///< an exact or a quality metric is among the regressions
};
/// Judges every gated metric of every cell that both sides have. alpha below is alpha *
/// alpha_share.
///   time     REGRESSION: Holm-adjusted one-sided p < alpha, the Hodges-Lehmann ratio beyond
///            1 + max(margin, noise_factor * noise floor), and its lower bound above 1. The floor
///            is brought from its comparisons' number of pairs to this one's by the root. PASS: the
///            upper bound of the 1 - 2 alpha interval below 1 + margin. INSUFFICIENT: so few
///            processes that no p of theirs, adjusted, is below alpha; else INCONCLUSIVE.
///            Signed-rank test of a round's log ratios, or rank-sum test of independent processes.
///   exact    all values of all processes equal: PASS, else REGRESSION.
///   quality  items paired by task, id and prompt, each counted once with its mean over processes;
///            identical outputs pass. Right/wrong: exact McNemar and the interval of the paired
///            difference; partial or repeated scores: signed-rank test and bootstrap by question.
///            REGRESSION: Holm-adjusted p (over the rows of this kind) < alpha, worse by more than
///            the margin, and the interval below 0; PASS: the lower bound of the 1 - 2 alpha
///            interval above -margin; else INCONCLUSIVE.
/// A cell or metric of the base that the candidate lacks, failed or got wrong is a REGRESSION (exit
/// code 6: what was right is no longer there); what the base lacks is a finding.
/// ENVIRONMENT_UNTRUSTED as a whole, and of every row of kind time: machines differ, the twin
/// differs from the base by the same rules in either direction, the base's own exact values differ,
/// a process is without a value because all its trials were throttled, or a calibration is required
/// and missing.
/// The whole: environment_untrusted, else regression, insufficient, inconclusive, pass, the first
/// that any row has. Throws InvalidArgument for a policy of which nothing, or not all that it
/// requires, fits a cell of the base, and for a metric that is not of its kind.
GateReport judge(const GatePolicy& policy, const GateEvidence& evidence);

/// Tables "gate_summary" and "gate" (a row each, worst first) for the formats of results/report.
std::vector<Table> gate_tables(const GateReport& report);

}  // namespace dsabench
