#include "harness/cli/shared_options.h"

#include <CLI/CLI.hpp>

#include "results/report/render.h"

namespace dsabench {

void add_output_options(CLI::App& verb, OutputOptions& options) {
  verb.add_option("--format", options.format, table_format_names())->capture_default_str();
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

void add_layers_option(CLI::App& verb, ModelOptions& options) {
  verb.add_option("--layers", options.layers,
                  "Layers of a shape model that run in place of all, layer 0 among them, such as "
                  "0,1,3-8: times of the whole model are then extrapolated");
}

void add_device_options(CLI::App& verb, ModelOptions& options) {
  verb.add_option(
          "--device", options.device,
          "cpu, cuda:N, or cuda:all: cells spread over all GPUs (demo, reproduce: the first "
          "GPU there is)")
      ->capture_default_str();
  verb.add_option("--dtype", options.dtype,
                  "Of weights, activations and caches: f32, or bf16 on a GPU (default: f32 on cpu "
                  "and in verify, else bf16)");
}

void add_seed_device_dialect(CLI::App& verb, ModelOptions& options) {
  verb.add_option("--seed", options.seed, "Of prompts and of generated weights")
      ->capture_default_str();
  add_device_options(verb, options);
  verb.add_option("--dialect", options.dialect,
                  "Pattern rule: auto, paper, hf, vllm, sglang, atom (default: paper for "
                  "--retention, auto for a checkpoint's own pattern)");
}

void add_model_options(CLI::App& verb, ModelOptions& options) {
  verb.add_option(
          "--model", options.model,
          "Name (list models), checkpoint directory, or config .json with generated weights")
      ->capture_default_str();
  verb.add_option("--config", options.config,
                  "Config of a checkpoint: a path, else relative to it");
}

void add_cache_format_option(CLI::App& verb, std::string& formats) {
  verb.add_option("--cache-format", formats,
                  "Of the latents: f32 or bf16 as --dtype, fp8 (default: as --dtype)");
}

void add_progress_option(CLI::App& verb, std::string& progress) {
  verb.add_option("--progress", progress, "auto, plain, jsonl or off")->capture_default_str();
}

void add_run_options(CLI::App& verb, RunControlOptions& options) {
  add_database_option(verb, options.db);
  add_progress_option(verb, options.progress);
  add_ceilings_option(verb, options.no_ceilings);
  verb.add_option("--time-limit", options.time_limit,
                  "Of this command, such as 9m: stop (exit code 3) before a trial that is not "
                  "expected to fit, but never before the first; `resume` goes on");
}

void add_ceilings_option(CLI::App& verb, bool& no_ceilings) {
  verb.add_flag("--no-ceilings", no_ceilings,
                "Leave out what is measured of the machine before the first timed trial");
}

void add_control_options(CLI::App& verb, RunControlOptions& options) {
  add_run_options(verb, options);
  verb.add_option("--repeat", options.repeats, "Trials of each cell, each on a fresh engine")
      ->capture_default_str();
  add_sampling_options(verb, options.limits);
}

void add_sampling_options(CLI::App& verb, SamplingLimits& limits) {
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

}  // namespace dsabench
