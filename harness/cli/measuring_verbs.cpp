#include <CLI/CLI.hpp>
#include <set>

#include "harness/cli/shared_options.h"

namespace dsabench {
namespace {

void add_demo(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<DemoOptions>();
  DemoOptions& options = *shared;
  CLI::App& verb =
      add_verb(app, "demo", "A small sweep of speed and accuracy over retentions",
               "dsabench demo --context 512 --retention 1,1/4 --set num_hidden_layers=4");
  verb.add_option("--context", options.contexts, "Prompt lengths of the speed cells")
      ->capture_default_str();
  verb.add_option("--retention", options.retentions, "Shares of layers that run their indexer")
      ->capture_default_str();
  verb.add_option("--samples-per-task", options.samples_per_task,
                  "Questions of each task that the built-in model solves")
      ->capture_default_str();
  add_seed_device_dialect(verb, options.model);
  add_shape_options(verb, options.model);
  add_control_options(verb, options.control);
  add_output_options(verb, options.output);
  verb.callback(chooses(chosen, shared, run_demo));
}

/// Names of the options given but for these.
std::vector<std::string> given_but(const CLI::App& verb, const std::set<std::string>& others) {
  std::vector<std::string> given;
  for (const CLI::Option* option : verb.get_options()) {
    const std::string name = option->get_name();
    if (option->count() > 0 && !others.contains(name)) given.push_back(name);
  }
  return given;
}

void add_run(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<RunVerbOptions>();
  RunVerbOptions& options = *shared;
  CLI::App& verb =
      add_verb(app, "run", "A sweep: every cell measured, verified and stored",
               "dsabench run --model demo --set num_hidden_layers=4 --context 256-512*2 "
               "--retention 1,1/2 --max-samples 5");
  add_model_options(verb, options.model);
  verb.add_option("--plan", options.plan,
                  "A plan file (JSON) in place of all options that say what is measured");
  verb.add_option("--suite", options.suites, "Suites by name (see: list suites)")
      ->capture_default_str();
  verb.add_option("--tasks", options.tasks, "Tasks of a quality suite (default: all)");
  verb.add_option("--context", options.contexts,
                  "Prompt lengths in tokens: 4096, 4k (4000), 4Ki (4096), 1k-4k+1k, 1Ki-64Ki*2")
      ->capture_default_str();
  verb.add_option("--retention", options.retentions,
                  "Shares of layers that run their indexer: 1,1/2,1/4");
  verb.add_option("--pattern", options.patterns,
                  "uniform (one per retention), checkpoint, published (searched patterns of the "
                  "IndexCache paper), published-1/4, or letters FSSS...");
  verb.add_option("--phase", options.phases, "prefill, decode")->capture_default_str();
  verb.add_option("--batch", options.batches, "Sequences at a time; max: as many as memory holds")
      ->capture_default_str();
  verb.add_option("--indexer-mode", options.indexer_modes, "exact, fp8, fp8_hadamard")
      ->capture_default_str();
  add_cache_format_option(verb, options.cache_formats);
  verb.add_flag("--dense-attention", options.dense_attention,
                "Attend every key and run no indexer: the upper reference of quality");
  verb.add_option("--chunk", options.chunk, "Tokens of a prefill pass")->capture_default_str();
  verb.add_option("--decode-tokens", options.decode_tokens, "Timed steps of a decode sample")
      ->capture_default_str();
  verb.add_option("--samples-per-task", options.samples_per_task, "Questions of a quality task")
      ->capture_default_str();
  verb.add_flag("--dry-run", options.control.dry_run,
                "Print the cells and their expected cost, and run nothing");
  add_seed_device_dialect(verb, options.model);
  add_shape_options(verb, options.model);
  add_layers_option(verb, options.model);
  add_control_options(verb, options.control);
  add_output_options(verb, options.output);
  const auto choose = chooses(chosen, shared, run_run);
  verb.callback([&verb, shared, choose] {
    shared->given = given_but(verb, {"--help", "--db", "--progress", "--format", "--output",
                                     "--plan", "--dry-run", "--no-ceilings", "--time-limit"});
    choose();
  });
}

void add_reproduce(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<ReproduceOptions>();
  ReproduceOptions& options = *shared;
  CLI::App& verb = add_verb(app, "reproduce", "A table of the paper, ours beside the published one",
                            "dsabench reproduce table1 --dry-run");
  verb.add_option(
          "table", options.table,
          "table1 (speed), profile (the indexers' share), table2 (quality of patterns that "
          "nothing was trained for), table3 (of models trained for a pattern), table5 (of patterns "
          "found by similarity), overlap (what layers choose in common) or table4 (as published)")
      ->required();
  verb.add_option("--run", options.run,
                  "Print a stored run and measure nothing: id, a unique prefix, last or last~N; of "
                  "table3 several, the base model's first; of overlap, last is the last overlap");
  add_model_options(verb, options.model);
  verb.add_option(
      "--trained", options.trained,
      "Of table3: the models that were trained for uniform patterns, as 1/2=DIR,1/4=DIR");
  verb.add_option("--control", options.controls,
                  "Of table3: those trained as long with their own layers' loss alone");
  verb.add_option(
      "--context", options.contexts,
      "Prompt lengths in tokens (default: 10k,60k,120k,200k; of quality and overlap 512)");
  verb.add_option("--retention", options.retentions,
                  "Shares of layers that run their indexer, uniform and published or searched "
                  "(default: 1,1/2,1/4,1/8; of table5 1,1/2)");
  verb.add_option("--indexer-mode", options.indexer_mode,
                  "exact, fp8, fp8_hadamard (default: fp8 for speed on a GPU, else exact)");
  add_cache_format_option(verb, options.cache_format);
  verb.add_option("--chunk", options.chunk,
                  "Tokens of a prefill pass (default: 8192 for speed on a GPU, else 1024)");
  verb.add_option("--suite", options.suite, "Of quality and overlap: whose questions are asked")
      ->capture_default_str();
  verb.add_option("--tasks", options.tasks,
                  "Of quality and overlap: some of the suite's tasks (default: all)");
  verb.add_option("--samples-per-task", options.samples_per_task,
                  "Of quality and overlap: questions (default: 32, of overlap 4)");
  verb.add_option("--calibration-samples", options.calibration_samples,
                  "Of quality: questions of each task that patterns are searched on")
      ->capture_default_str();
  verb.add_option("--decode-tokens", options.decode_tokens, "Timed steps of a decode sample")
      ->capture_default_str();
  verb.add_flag("--dry-run", options.control.dry_run,
                "Print the cells and their expected cost, and run nothing");
  verb.add_option("--seed", options.model.seed, "Of prompts and of generated weights")
      ->capture_default_str();
  add_device_options(verb, options.model);
  add_shape_options(verb, options.model);
  add_layers_option(verb, options.model);
  add_control_options(verb, options.control);
  add_output_options(verb, options.output);
  const auto choose = chooses(chosen, shared, run_reproduce);
  verb.callback([&verb, shared, choose] {
    shared->given = given_but(verb, {"--help", "--db", "--format", "--output", "--run", "table"});
    choose();
  });
}

void add_resume(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<ResumeOptions>();
  ResumeOptions& options = *shared;
  CLI::App& verb =
      add_verb(app, "resume", "Goes on with a run where it stopped", "dsabench resume last");
  verb.add_option("run", options.run, "Run id, a unique prefix of one, last or last~N")->required();
  verb.add_flag("--new-machine", options.new_machine,
                "Go on by another machine or build, and mark the run as mixed");
  verb.add_flag("--retry-failed", options.retry_failed,
                "Also run again what failed or was incorrect");
  verb.add_option("--model", options.model, "Where the same model lies now");
  verb.add_option("--device", options.device,
                  "cuda:N, or cuda:all (default: as the run was planned)");
  add_run_options(verb, options.control);
  add_output_options(verb, options.output);
  verb.callback(chooses(chosen, shared, run_resume));
}

void add_worker(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<WorkerVerbOptions>();
  CLI::App& verb = *app.add_subcommand("worker", "One process of a sweep over several devices");
  verb.group("");  // not for people: it is in no list
  verb.add_option("--device", shared->device)->required();
  verb.add_option("--db", shared->db)->required();
  verb.add_option("--progress", shared->progress);
  verb.callback(chooses(chosen, shared, run_worker));
}

void add_profile(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<ProfileVerbOptions>();
  ProfileVerbOptions& options = *shared;
  CLI::App& verb =
      add_verb(app, "profile", "One cell looked at closely: time by stage and layer, a timeline",
               "dsabench profile --model demo --set num_hidden_layers=4 --context 512 "
               "--retention 1/4 --max-samples 5 --trace trace.json");
  add_model_options(verb, options.model);
  verb.add_option("--context", options.context, "Prompt length in tokens: 4096, 4k, 4Ki")
      ->capture_default_str();
  verb.add_option("--retention", options.retention, "Share of layers that run their indexer");
  verb.add_option("--pattern", options.pattern, "checkpoint, or letters FSSS...");
  verb.add_option("--phase", options.phase, "prefill or decode")->capture_default_str();
  verb.add_option("--batch", options.batch, "Sequences at a time")->capture_default_str();
  verb.add_option("--indexer-mode", options.indexer_mode, "exact, fp8, fp8_hadamard")
      ->capture_default_str();
  add_cache_format_option(verb, options.cache_format);
  verb.add_option("--chunk", options.chunk, "Tokens of a prefill pass")->capture_default_str();
  verb.add_option("--decode-tokens", options.decode_tokens, "Steps of a decode sample")
      ->capture_default_str();
  verb.add_option("--trace", options.trace,
                  "Write a timeline for ui.perfetto.dev or chrome://tracing");
  verb.add_flag("--no-cupti", options.no_cupti,
                "On a GPU: leave kernels to another profiler, which sees layers and stages as NVTX "
                "ranges");
  add_seed_device_dialect(verb, options.model);
  add_shape_options(verb, options.model);
  add_layers_option(verb, options.model);
  add_sampling_options(verb, options.limits);
  add_ceilings_option(verb, options.no_ceilings);
  add_database_option(verb, options.db);
  add_progress_option(verb, options.progress);
  add_output_options(verb, options.output);
  verb.callback(chooses(chosen, shared, run_profile));
}

}  // namespace

void add_measuring_verbs(CLI::App& app, ParsedCommandLine& chosen) {
  add_demo(app, chosen);
  add_run(app, chosen);
  add_reproduce(app, chosen);
  add_resume(app, chosen);
  add_worker(app, chosen);
  add_profile(app, chosen);
}

}  // namespace dsabench
