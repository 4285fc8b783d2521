#pragma once
/// The verbs and what each takes from the command line. Lists are still text here: the verb parses
/// them, so that an error names option and value.
#include <chrono>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "engine/search/clusters.h"
#include "harness/cli/cli.h"
#include "harness/cli/exit_codes.h"

namespace dsabench {

/// What every verb gets beside its options.
struct Invocation {
  std::ostream& out;
  std::ostream& err;
  std::string command_line;
  const CliSeams& seams;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
};

struct OutputOptions {
  std::string format = "md";
  std::string file;  ///< empty: stdout
};

/// Of the verbs that run trials.
struct RunControlOptions {
  std::string db = "dsabench.db";
  std::string progress = "auto";
  bool no_ceilings = false;
  bool dry_run = false;
  std::string time_limit;  ///< empty: none
  std::int64_t repeats = 1;
  SamplingLimits limits;
};

struct ModelOptions {
  std::string model;
  std::string config;            ///< --config
  std::vector<std::string> set;  ///< "key=value"
  std::string layers;            ///< --layers; empty: all
  std::string picks = "planted";
  std::string device = "cpu";
  std::string dtype;    ///< empty: f32 on the CPU, bf16 on a GPU
  std::string dialect;  ///< empty: by what is asked
  std::uint64_t seed = 0;
};

struct DemoOptions {
  ModelOptions model;
  RunControlOptions control;
  OutputOptions output;
  std::string contexts = "2048,4096,8192";
  std::string retentions = "1,1/2,1/4,1/8";
  std::string samples_per_task = "8";
  DemoOptions();
};
ExitCode run_demo(const DemoOptions& options, const Invocation& invocation);

struct RunVerbOptions {
  ModelOptions model;
  RunControlOptions control;
  OutputOptions output;
  std::string suites = "speed", tasks;
  std::string contexts = "4096";
  std::string retentions, patterns;
  std::string phases = "prefill,decode";
  std::string batches = "1";
  std::string indexer_modes = "exact", cache_formats;
  std::string chunk = "1024", decode_tokens = "16", samples_per_task = "1";
  bool dense_attention = false;
  std::string plan;  ///< a plan file
  /// Names of the options given that say what a plan file says.
  std::vector<std::string> given;
};
ExitCode run_run(const RunVerbOptions& options, const Invocation& invocation);

struct ReproduceOptions {
  ModelOptions model;  ///< device empty: the first GPU there is
  RunControlOptions control;
  OutputOptions output;
  std::string table;
  std::string run;                                ///< stored runs to print; empty: measure
  std::string trained, controls;                  ///< of table3: "1/2=DIR,1/4=DIR"
  std::string contexts, retentions;               ///< empty: by the table
  std::string indexer_mode, cache_format, chunk;  ///< empty: by table and device
  std::string decode_tokens = "16";
  /// Of tables of quality and overlap; samples_per_task empty: by the table.
  std::string suite = "facts-compact", tasks, samples_per_task;
  std::string calibration_samples = "4";  ///< of each task, that patterns are searched on
  /// Names of the options given that say what is measured and how.
  std::vector<std::string> given;
  ReproduceOptions();
};
ExitCode run_reproduce(const ReproduceOptions& options, const Invocation& invocation);

struct ResumeOptions {
  RunControlOptions control;  ///< of them db and progress
  OutputOptions output;
  std::string run;
  std::string model;   ///< where the model lies now; empty: where the plan says
  std::string device;  ///< empty: as the plan says
  bool new_machine = false;
  bool retry_failed = false;
};
ExitCode run_resume(const ResumeOptions& options, const Invocation& invocation);

/// Of the verb that processes of this tool call, not people: a worker of a sweep over several
/// devices. Orders come from stdin (harness/run/worker_messages.h).
struct WorkerVerbOptions {
  std::string device, db, progress = "plain";
};
ExitCode run_worker(const WorkerVerbOptions& options, const Invocation& invocation);

struct ProfileVerbOptions {
  ModelOptions model;
  SamplingLimits limits;
  OutputOptions output;
  std::string db = "dsabench.db", progress = "auto";
  bool no_ceilings = false, no_cupti = false;
  std::string context = "4096", retention, pattern;
  std::string phase = "prefill", batch = "1", indexer_mode = "exact", cache_format;
  std::string chunk = "1024", decode_tokens = "16";
  std::string trace;  ///< a file; empty: none
};
ExitCode run_profile(const ProfileVerbOptions& options, const Invocation& invocation);

struct SearchVerbOptions {
  ModelOptions model;
  OutputOptions output;
  std::string db = "dsabench.db", progress = "auto";
  std::string suite = "facts-compact", tasks;
  std::string context = "2048", samples_per_task = "4";
  std::string retentions = "1/2,1/4", methods = "greedy,uniform";
  std::string indexer_mode = "exact", pass_tokens = "8192";
  std::uint64_t calibration_seed = 1;
  bool give_up = false, no_second_set = false;
};
ExitCode run_search(const SearchVerbOptions& options, const Invocation& invocation);

struct OverlapVerbOptions {
  ModelOptions model;
  OutputOptions output;
  std::string db = "dsabench.db", progress = "auto";
  std::string suite = "facts-compact", tasks;
  std::string context = "2048", samples_per_task = "1", chunk = "1024", pairs = "16";
  std::string patterns;  ///< that the clusters are held against
  std::string indexer_mode = "exact";
  double threshold = kClusterThreshold;
};
ExitCode run_overlap(const OverlapVerbOptions& options, const Invocation& invocation);

struct CompareVerbOptions {
  OutputOptions output;
  std::string db = "dsabench.db";
  std::vector<std::string> runs;  ///< base and candidate; with `by` any number, none: all
  std::string ignored_keys;
  std::string by;  ///< device, commit, pattern, model; empty: two runs side by side
};
ExitCode run_compare(const CompareVerbOptions& options, const Invocation& invocation);

/// Of the verbs that start processes of arms.
struct ComparisonControlOptions {
  std::string db = "dsabench.db", progress = "auto";
  std::string policy;  ///< a gate.json; empty: the default
  std::string process_timeout = "1h";
  std::string time_limit;             ///< empty: none
  std::optional<std::uint64_t> seed;  ///< of the orders; drawn where it is not given
};

struct AbVerbOptions {
  ComparisonControlOptions control;
  OutputOptions output;
  std::string base, candidate;            ///< binaries; empty: this one, the base's
  std::string base_args, candidate_args;  ///< options of `run` as a shell has them
  std::string patterns, retentions;       ///< two of them, or empty
  std::string looks = "10,20,40,60";
  std::vector<std::string> run_options;
};
ExitCode run_ab_verb(const AbVerbOptions& options, const Invocation& invocation);

struct CalibrateVerbOptions {
  ComparisonControlOptions control;
  OutputOptions output;
  std::string base;  ///< binary; empty: this one
  std::int64_t comparisons = 20, pairs = 10;
  std::vector<std::string> run_options;
};
ExitCode run_calibrate(const CalibrateVerbOptions& options, const Invocation& invocation);

struct GateVerbOptions {
  OutputOptions output;
  std::string db = "dsabench.db";
  std::string policy;                ///< a gate.json; empty: the comparison's, else the default
  std::string comparison, baseline;  ///< one of them
  std::vector<std::string> runs;     ///< of --baseline; empty: the last
};
ExitCode run_gate(const GateVerbOptions& options, const Invocation& invocation);

/// Of the verbs of `baseline`.
struct BaselineVerbOptions {
  OutputOptions output;
  std::string db = "dsabench.db";
  std::string name, note;
  std::vector<std::string> runs;
};
ExitCode run_baseline_promote(const BaselineVerbOptions& options, const Invocation& invocation);
ExitCode run_baseline_list(const BaselineVerbOptions& options, const Invocation& invocation);
ExitCode run_baseline_retire(const BaselineVerbOptions& options, const Invocation& invocation);

struct ReportVerbOptions {
  std::string db = "dsabench.db";
  std::vector<std::string> runs;  ///< empty: the newest, see runs_to_report
  std::string output = "report.html";
};
ExitCode run_report(const ReportVerbOptions& options, const Invocation& invocation);

/// Of the verbs of `db`.
struct DatabaseOptions {
  OutputOptions output;
  std::string db = "dsabench.db";
  std::string file;  ///< of export and import; "-": stdout or stdin
};
ExitCode run_db_check(const DatabaseOptions& options, const Invocation& invocation);
ExitCode run_db_migrate(const DatabaseOptions& options, const Invocation& invocation);
ExitCode run_db_export(const DatabaseOptions& options, const Invocation& invocation);
ExitCode run_db_import(const DatabaseOptions& options, const Invocation& invocation);

struct VerifyOptions {
  ModelOptions model;
  OutputOptions output;
  std::string golden;
};
ExitCode run_verify(const VerifyOptions& options, const Invocation& invocation);

struct PatternOptions {
  OutputOptions output;
  ModelOptions model;                              ///< model, config and set
  std::int64_t layers = 0, freq = 0, offset = -1;  ///< 0, 0, -1: not given
  std::string retentions, patterns;
};
ExitCode run_pattern(const PatternOptions& options, const Invocation& invocation);

struct ListOptions {
  OutputOptions output;
  std::string what;
  std::string db = "dsabench.db";
};
ExitCode run_list(const ListOptions& options, const Invocation& invocation);

}  // namespace dsabench
