#pragma once
/// What was seen: the rows of the database as values. Raw numbers only; summaries are derived
/// (statistics.h).
///
/// Goals: everything that identifies a number is kept beside it; times are integer nanoseconds.
/// Non-goals: policy, formatting, knowledge of engines.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dsabench {

/// A time that a run was gone on with: on what and by what. The ids are hashes of the JSON beside
/// them, as in RunRecord.
struct Continuation {
  std::int64_t started_ms = 0;
  std::string command_line;
  std::string machine_id, machine_json;
  std::string build_id, build_json;
};

/// The best rate that a machine showed at one kind of work: what a time is held against.
struct Ceiling {
  /// Whose process measured it: a position in RunRecord::continuations; -1: the run's first.
  std::int64_t continuation = -1;
  std::string name;       ///< "matrix_bf16", "matrix_f8_e4m3", "matrix_f32", "copy", "gather"
  std::string unit;       ///< "FLOP", "bytes"
  std::int64_t work = 0;  ///< of one sample, in that unit
  std::int64_t nanoseconds = 0;  ///< median of the samples; 0: not measured
  std::string note;              ///< how it was measured, or why not
};

/// What a run was made on, by and of. The three ids are XXH3-128 hashes (hex) of the three
/// canonical JSON texts beside them.
struct RunRecord {
  std::string run_id;            ///< UUIDv7: sorts by time
  std::int64_t started_ms = 0;   ///< Unix time
  std::int64_t finished_ms = 0;  ///< 0 while it runs
  std::string status;            ///< running, done, interrupted, failed, profile, search
  std::string command_line;
  std::string tool_version;
  std::string machine_id, machine_json;  ///< hardware, driver and its settings
  std::string build_id, build_json;      ///< commit, flags, compiler
  std::string model_id, model_json;      ///< weights, tokenizer, data
  bool synthetic_weights = false;        ///< generated: accuracy is chance
  std::uint64_t seed = 0;
  /// The whole plan with its repeats and limits, and its hash; both empty in runs of schema 1.
  std::string plan_id, plan_json;
  bool mixed = false;                       ///< continued on another machine or by another build
  std::vector<Continuation> continuations;  ///< in order
  std::vector<Ceiling> ceilings;            ///< by continuation, then name
};

/// One point of a sweep. `cell_id` is the hash of `canonical_json`, from which fields at their
/// default are left out. The other fields repeat parts of it for queries and tables.
struct CellRecord {
  std::string cell_id, canonical_json;
  std::string model, pattern, suite, phase, device_kind, dtype, indexer_mode, picks;
  std::int64_t context_tokens = 0, batch = 1;
};

/// A cell as one run's plan names it: how its pattern was asked for is not part of its identity.
struct PlannedCell {
  CellRecord cell;
  std::int64_t position = 0;      ///< order in the plan
  std::string nominal_retention;  ///< "1/4"; empty where a pattern was given
  std::string pattern_origin;     ///< uniform, given, checkpoint, published
  std::string dialect;
};

enum class TrialOutcome {
  ok,           ///< measured and verified
  incorrect,    ///< wrong against its reference or invariants: its times are never shown as times
  failed,       ///< out of memory, exception; see reason
  discarded,    ///< throttled or disturbed; see reason
  interrupted,  ///< Ctrl-C during the trial
};
const char* trial_outcome_name(TrialOutcome outcome);
TrialOutcome parse_trial_outcome(const std::string& name);

/// The reason of a trial whose process went away before it ended (outcome failed).
inline constexpr const char* kCrashReason = "crash: the process ended during the trial";

/// All values of one metric in one trial, in order. Integers: nanoseconds, bytes, counts.
struct MetricSamples {
  std::string name;    ///< "prefill", "decode_step", "cache_bytes", ...
  std::string unit;    ///< "ns", "bytes", "count"
  std::string better;  ///< "lower", "higher", "exact"
  std::vector<std::int64_t> values;
};

/// Time of one stage of one layer in one sample. layer -1: embedding, final norm and lm_head.
struct StageTime {
  std::string metric;  ///< whose sample: "prefill" or "decode"
  std::int64_t sample = 0, layer = 0;
  std::string stage;
  std::int64_t nanoseconds = 0;
};

/// In a trial's conditions: the nanoseconds of the sample that its stages were timed in, where that
/// was one of their own.
inline constexpr const char* kStageSample = "stage_sample_ns";

/// What the indexer of one layer counted in a trial, and what the pattern says it must be.
struct LayerRuns {
  std::int64_t layer = 0, runs = 0, expected = 0;
};

/// What a device said of itself at one moment while a trial was timed; -1 where it does not say.
struct DeviceSample {
  std::int64_t elapsed_ns = 0;  ///< since the trial's first reading
  std::int64_t sm_mhz = -1, memory_mhz = -1;
  std::int64_t power_mw = -1;
  std::int64_t energy_mj = -1;  ///< since the driver was loaded
  std::int64_t temperature_c = -1;
  std::int64_t clock_limits = -1;  ///< what holds the clocks down: see clock_limits.h
};

/// One question asked in a trial, and its answer.
struct AnswerRecord {
  std::string item_id;
  std::string task;
  std::string prompt_hash;  ///< XXH3-128 of the prompt's text
  std::int64_t prompt_tokens = 0, output_tokens = 0;
  std::string output;
  std::string finish;  ///< length, stop
  double score = 0.0;  ///< 0..1
};

/// One run of one cell in one process.
struct TrialRecord {
  std::string run_id, cell_id;
  std::int64_t repeat = 0;
  std::int64_t started_ms = 0, finished_ms = 0;
  std::int64_t process_id = 0;
  TrialOutcome outcome = TrialOutcome::failed;
  std::string reason;       ///< empty where ok
  std::string stop_reason;  ///< why sampling stopped: noise, count, time
  std::int64_t num_warmups = 0;
  std::string verification_json;  ///< rows checked, largest errors; "{}" where nothing was checked
  std::string conditions_json;  ///< load average, threads, instruction set, chunk: what may change
                                ///< from trial to trial
  /// Where another machine or build than the run's made it (see Continuation); empty: the run's.
  std::string machine_id, build_id;
  std::vector<MetricSamples> metrics;
  std::vector<StageTime> stage_times;
  std::vector<LayerRuns> layer_runs;
  std::vector<DeviceSample> device_samples;  ///< in order; empty where nothing was watched
  std::vector<AnswerRecord> answers;
};
/// The values of a trial's metric; none where it has no such metric. They are the trial's.
const std::vector<std::int64_t>& metric_values(const TrialRecord& trial, std::string_view metric);

/// A process, told from any other that had or will have its number.
struct ProcessMark {
  std::int64_t process_id = 0;
  std::int64_t process_start = 0;  ///< clock ticks since boot
  std::string boot_id;             ///< of the kernel that runs it
};

/// A trial that has begun and not ended, and the process it runs in.
struct RunningTrial : ProcessMark {
  std::string run_id, cell_id;
  std::int64_t repeat = 0;
  std::int64_t started_ms = 0;
};

/// The trial that a begun one of this run becomes where it ends without having measured anything:
/// made by what had the run under way when it began.
TrialRecord ended_trial(const RunRecord& run, const RunningTrial& running, TrialOutcome outcome,
                        std::string reason, std::int64_t finished_ms);

}  // namespace dsabench
