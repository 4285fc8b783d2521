#include "harness/cli/command_line.h"

#include <dsabench_build_info.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// The options of all verbs; what the parser writes to.
struct AllOptions {
  DemoOptions demo;
  RunVerbOptions run;
  VerifyOptions verify;
  PatternOptions pattern;
  ListOptions list;
};

std::string version_text() {
  return fmt::format("dsabench {} ({}{}, {}, {})", DSABENCH_VERSION, DSABENCH_GIT_COMMIT,
                     DSABENCH_GIT_DIRTY ? ", modified" : "", DSABENCH_COMPILER,
                     DSABENCH_BUILD_TYPE);
}

void add_output_options(CLI::App& verb, OutputOptions& options) {
  verb.add_option("--format", options.format, "md or json")->capture_default_str();
  verb.add_option("--output", options.file, "Write the results to a file instead of stdout");
}

void add_database_option(CLI::App& verb, std::string& db) {
  verb.add_option("--db", db, "Results database")->capture_default_str();
}

void add_shape_options(CLI::App& verb, ModelOptions& options) {
  verb.add_option("--set", options.set, "key=value in a shape model's config; repeatable")
      ->allow_extra_args(false);
  verb.add_option("--picks", options.picks, "Index sets of generated weights: planted or random")
      ->capture_default_str();
}

void add_seed_device_dialect(CLI::App& verb, ModelOptions& options) {
  verb.add_option("--seed", options.seed, "Of prompts and of generated weights")
      ->capture_default_str();
  verb.add_option("--device", options.device, "cpu or cuda:N")->capture_default_str();
  verb.add_option("--dialect", options.dialect,
                  "Pattern rule: auto, paper, hf, vllm, sglang, atom (default: paper for "
                  "--retention, auto for a checkpoint's own pattern)");
}

void add_control_options(CLI::App& verb, RunControlOptions& options) {
  add_database_option(verb, options.db);
  verb.add_option("--progress", options.progress, "auto, plain, jsonl or off")
      ->capture_default_str();
  verb.add_option("--repeat", options.repeats, "Trials of each cell, each on a fresh engine")
      ->capture_default_str();
  SamplingLimits& limits = options.limits;
  verb.add_option("--noise", limits.noise_target,
                  "Stop sampling when half the median's 95 % interval is below this share of it")
      ->capture_default_str();
  verb.add_option("--min-samples", limits.min_samples, "Samples before --noise is looked at")
      ->capture_default_str();
  verb.add_option("--max-samples", limits.max_samples, "Samples at most")->capture_default_str();
  verb.add_option("--max-seconds", limits.max_seconds, "Time cap of a trial's sampling")
      ->capture_default_str();
  verb.add_option("--max-warmups", limits.max_warmups, "Warm-up runs at most")
      ->capture_default_str();
}

CLI::App& add_verb(CLI::App& app, const std::string& name, const std::string& description,
                   const std::string& example) {
  CLI::App* verb = app.add_subcommand(name, description);
  verb->footer("Example:\n  " + example);
  return *verb;
}

void add_demo(CLI::App& app, DemoOptions& options) {
  CLI::App& verb =
      add_verb(app, "demo", "A small sweep of speed and accuracy over retentions",
               "dsabench demo --context 512 --retention 1,1/4 --set num_hidden_layers=4");
  verb.add_option("--context", options.contexts, "Prompt lengths of the speed cells")
      ->capture_default_str();
  verb.add_option("--retention", options.retentions, "Shares of layers that run their indexer")
      ->capture_default_str();
  verb.add_option("--quality-context", options.quality_context, "Length of the questions")
      ->capture_default_str();
  add_seed_device_dialect(verb, options.model);
  add_shape_options(verb, options.model);
  add_control_options(verb, options.control);
  add_output_options(verb, options.output);
}

void add_run(CLI::App& app, RunVerbOptions& options) {
  CLI::App& verb =
      add_verb(app, "run", "A sweep: every cell measured, verified and stored",
               "dsabench run --model demo --context 256-512*2 --retention 1,1/2 --max-samples 5");
  verb.add_option("--model", options.model.model,
                  "Preset, checkpoint directory, or config .json with generated weights")
      ->required();
  verb.add_option("--config", options.model.config,
                  "Config of a checkpoint: a path, else relative to it");
  verb.add_option("--suite", options.suites, "Suites by name (see: list suites)")
      ->capture_default_str();
  verb.add_option("--tasks", options.tasks, "Tasks of a quality suite (default: all)");
  verb.add_option("--context", options.contexts,
                  "Prompt lengths in tokens: 4096, 4k (4000), 4Ki (4096), 1k-4k+1k, 1Ki-64Ki*2")
      ->capture_default_str();
  verb.add_option("--retention", options.retentions,
                  "Shares of layers that run their indexer: 1,1/2,1/4");
  verb.add_option("--pattern", options.patterns,
                  "uniform (one per retention), checkpoint, or letters FSSS...");
  verb.add_option("--phase", options.phases, "prefill, decode")->capture_default_str();
  verb.add_option("--batch", options.batches, "Sequences at a time")->capture_default_str();
  verb.add_option("--indexer-mode", options.indexer_modes, "exact, fp8, fp8_hadamard")
      ->capture_default_str();
  verb.add_flag("--dense-attention", options.dense_attention,
                "Attend every key and run no indexer: the upper reference of quality");
  verb.add_option("--chunk", options.chunk, "Tokens of a prefill pass")->capture_default_str();
  verb.add_option("--decode-tokens", options.decode_tokens, "Timed steps of a decode sample")
      ->capture_default_str();
  verb.add_option("--samples-per-task", options.samples_per_task, "Questions of a quality task")
      ->capture_default_str();
  verb.add_flag("--dry-run", options.dry_run, "Print the cells and run nothing");
  add_seed_device_dialect(verb, options.model);
  add_shape_options(verb, options.model);
  add_control_options(verb, options.control);
  add_output_options(verb, options.output);
}

void add_verify(CLI::App& app, VerifyOptions& options) {
  CLI::App& verb = add_verb(app, "verify", "A checkpoint against reference outputs",
                            "dsabench verify tests/golden/glm_moe_dsa_tiny --golden "
                            "tests/golden/glm_moe_dsa_tiny");
  verb.add_option("checkpoint", options.model.model, "Checkpoint directory")->required();
  verb.add_option("--golden", options.golden, "Directory with golden.json and golden.safetensors")
      ->required();
  verb.add_option("--config", options.model.config, "A path, else relative to the checkpoint");
  verb.add_option("--dialect", options.model.dialect, "Pattern rule (default: auto)");
  verb.add_option("--device", options.model.device, "cpu or cuda:N")->capture_default_str();
  add_output_options(verb, options.output);
}

void add_pattern(CLI::App& app, PatternOptions& options) {
  CLI::App& verb =
      add_verb(app, "pattern", "Renders layer patterns under every dialect and compares them",
               "dsabench pattern --layers 78 --freq 4 --offset 3");
  verb.add_option("--layers", options.layers, "Number of layers")->check(CLI::Range(1, 1 << 20));
  verb.add_option("--model", options.model.model, "Preset, checkpoint directory or config .json");
  verb.add_option("--config", options.model.config,
                  "Config of a checkpoint: a path, else relative to it");
  verb.add_option("--set", options.model.set, "key=value in a shape model's config; repeatable")
      ->allow_extra_args(false);
  verb.add_option("--freq", options.freq, "index_topk_freq")->check(CLI::Range(1, 1 << 20));
  verb.add_option("--offset", options.offset, "index_skip_topk_offset")
      ->check(CLI::Range(0, 1 << 20));
  verb.add_option("--retention", options.retentions, "1,1/2,1/4");
  verb.add_option("--pattern", options.patterns, "Letters FSSS..., comma-separated");
  add_output_options(verb, options.output);
}

void add_list(CLI::App& app, ListOptions& options) {
  CLI::App& verb = add_verb(app, "list", "Lists models, suites, devices, runs or patterns",
                            "dsabench list models");
  verb.add_option("what", options.what, "models, suites, devices, runs or patterns")->required();
  add_database_option(verb, options.db);
  add_output_options(verb, options.output);
}

/// Refuses a first word that is no verb, which the parser would only miss.
void check_verb(const CLI::App& app, int argc, const char* const* argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  if (std::find(verbs.begin(), verbs.end(), argv[1]) != verbs.end()) return;
  throw InvalidArgument(
      fmt::format("unknown verb '{}'; there are: {}", argv[1], fmt::join(verbs, ", ")));
}

/// An error of the parser in one line.
InvalidArgument usage_error(const CLI::App& app, const CLI::ParseError& error) {
  std::string command = "dsabench";
  for (const CLI::App* verb : app.get_subcommands()) command += " " + verb->get_name();
  return InvalidArgument(fmt::format("{} (see {} --help)", error.what(), command));
}

}  // namespace

ParsedCommandLine parse_command_line(int argc, const char* const* argv) {
  const auto options = std::make_shared<AllOptions>();
  CLI::App app("Benchmark and evaluation harness for DeepSeek Sparse Attention and IndexCache",
               "dsabench");
  app.set_version_flag("--version", version_text());
  app.require_subcommand(1);
  add_demo(app, options->demo);
  add_run(app, options->run);
  add_verify(app, options->verify);
  add_pattern(app, options->pattern);
  add_list(app, options->list);
  app.footer(
      "Example:\n  dsabench list suites\n"
      "Exit codes: 0 pass, 2 usage, 5 a cell failed, 6 wrong result, 8 database or disk, "
      "130 interrupted");
  check_verb(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) throw usage_error(app, error);
    std::ostringstream text;
    app.exit(error, text, text);
    return {nullptr, text.str()};
  }
  const std::string verb = app.get_subcommands().front()->get_name();
  ParsedCommandLine parsed;
  parsed.verb = [options, verb](const Invocation& invocation) {
    if (verb == "demo") return run_demo(options->demo, invocation);
    if (verb == "run") return run_run(options->run, invocation);
    if (verb == "verify") return run_verify(options->verify, invocation);
    if (verb == "pattern") return run_pattern(options->pattern, invocation);
    return run_list(options->list, invocation);
  };
  return parsed;
}

}  // namespace dsabench
