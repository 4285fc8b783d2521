#include <CLI/CLI.hpp>

#include "harness/cli/shared_options.h"

namespace dsabench {
namespace {

void add_verify(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<VerifyOptions>();
  VerifyOptions& options = *shared;
  CLI::App& verb = add_verb(app, "verify", "A checkpoint against reference outputs",
                            "dsabench verify tests/golden/glm_moe_dsa_tiny --golden "
                            "tests/golden/glm_moe_dsa_tiny");
  verb.add_option("checkpoint", options.model.model, "Checkpoint directory")->required();
  verb.add_option("--golden", options.golden, "Directory with golden.json and golden.safetensors")
      ->required();
  verb.add_option("--config", options.model.config, "A path, else relative to the checkpoint");
  verb.add_option("--dialect", options.model.dialect, "Pattern rule (default: auto)");
  add_device_options(verb, options.model);
  add_output_options(verb, options.output);
  verb.callback(chooses(chosen, shared, run_verify));
}

void add_pattern(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<PatternOptions>();
  PatternOptions& options = *shared;
  CLI::App& verb =
      add_verb(app, "pattern", "Renders layer patterns under every dialect and compares them",
               "dsabench pattern --layers 78 --freq 4 --offset 3");
  verb.add_option("--layers", options.layers, "Number of layers")->check(CLI::Range(1, 1 << 20));
  add_model_options(verb, options.model);
  verb.add_option("--set", options.model.set, "key=value in a shape model's config; repeatable")
      ->allow_extra_args(false);
  verb.add_option("--freq", options.freq, "index_topk_freq")->check(CLI::Range(1, 1 << 20));
  verb.add_option("--offset", options.offset, "index_skip_topk_offset")
      ->check(CLI::Range(0, 1 << 20));
  verb.add_option("--retention", options.retentions, "1,1/2,1/4");
  verb.add_option("--pattern", options.patterns, "Letters FSSS..., comma-separated");
  add_output_options(verb, options.output);
  verb.callback(chooses(chosen, shared, run_pattern));
}

void add_search(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<SearchVerbOptions>();
  SearchVerbOptions& options = *shared;
  CLI::App& verb = add_verb(app, "search", "Finds the layers that must keep their indexer",
                            "dsabench search --model demo --set num_hidden_layers=4 --suite "
                            "facts-compact --tasks kv --context 512 --samples-per-task 1 "
                            "--method greedy,uniform,similarity --retention 1/2");
  add_model_options(verb, options.model);
  verb.add_option("--suite", options.suite,
                  "Whose questions the losses are of; of facts and facts-compact a split of its "
                  "own")
      ->capture_default_str();
  verb.add_option("--tasks", options.tasks, "Some of the suite's tasks (default: all)");
  verb.add_option("--context", options.context, "Prompt and answer in tokens: 4096, 4k, 4Ki")
      ->capture_default_str();
  verb.add_option("--samples-per-task", options.samples_per_task, "Questions of each task and set")
      ->capture_default_str();
  verb.add_option("--calibration-seed", options.calibration_seed,
                  "Of the questions; the second set's is the next")
      ->capture_default_str();
  verb.add_flag("--no-second-set", options.no_second_set,
                "Leave out the questions that what was found is held against");
  verb.add_option("--retention", options.retentions, "Shares of layers that run their indexer")
      ->capture_default_str();
  verb.add_option("--method", options.methods,
                  "greedy, blocks-N (greedy, N blocks of layers in turn), beam-N, uniform, "
                  "similarity")
      ->capture_default_str();
  verb.add_flag("--give-up", options.give_up,
                "Stop the evaluation of a flip that cannot be its step's best: the patterns stay "
                "the same, its loss is then a lower bound");
  verb.add_option("--indexer-mode", options.indexer_mode, "exact, fp8, fp8_hadamard")
      ->capture_default_str();
  verb.add_option("--pass-tokens", options.pass_tokens, "Questions go through together up to here")
      ->capture_default_str();
  verb.add_option("--seed", options.model.seed, "Of generated weights")->capture_default_str();
  add_device_options(verb, options.model);
  add_shape_options(verb, options.model);
  add_database_option(verb, options.db);
  add_progress_option(verb, options.progress);
  add_output_options(verb, options.output);
  verb.callback(chooses(chosen, shared, run_search));
}

void add_overlap(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<OverlapVerbOptions>();
  OverlapVerbOptions& options = *shared;
  CLI::App& verb = add_verb(app, "overlap", "The layer-by-layer matrix of shared indices",
                            "dsabench overlap --model demo --set num_hidden_layers=4 --suite "
                            "facts-compact --tasks kv --context 2048 --pattern FSFS");
  add_model_options(verb, options.model);
  verb.add_option("--suite", options.suite, "Whose questions are read; as in search")
      ->capture_default_str();
  verb.add_option("--tasks", options.tasks, "Some of the suite's tasks (default: all)");
  verb.add_option("--context", options.context, "Prompt and answer in tokens: 4096, 4k, 4Ki")
      ->capture_default_str();
  verb.add_option("--samples-per-task", options.samples_per_task, "Questions of each task")
      ->capture_default_str();
  verb.add_option("--pairs", options.pairs, "Pairs of neighbour rows looked at in a prefill pass")
      ->capture_default_str();
  verb.add_option("--threshold", options.threshold,
                  "Overlap from which on two layers are in one cluster")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  verb.add_option("--pattern", options.patterns,
                  "Held against the clusters: checkpoint, published, letters FSSS...");
  verb.add_option("--indexer-mode", options.indexer_mode, "exact, fp8, fp8_hadamard")
      ->capture_default_str();
  verb.add_option("--chunk", options.chunk, "Tokens of a prefill pass")->capture_default_str();
  add_seed_device_dialect(verb, options.model);
  add_shape_options(verb, options.model);
  add_database_option(verb, options.db);
  add_progress_option(verb, options.progress);
  add_output_options(verb, options.output);
  verb.callback(chooses(chosen, shared, run_overlap));
}

}  // namespace

void add_model_verbs(CLI::App& app, ParsedCommandLine& chosen) {
  add_search(app, chosen);
  add_overlap(app, chosen);
  add_verify(app, chosen);
  add_pattern(app, chosen);
}

}  // namespace dsabench
