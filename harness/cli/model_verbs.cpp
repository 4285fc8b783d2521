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

}  // namespace

void add_model_verbs(CLI::App& app, ParsedCommandLine& chosen) {
  add_verify(app, chosen);
  add_pattern(app, chosen);
}

}  // namespace dsabench
