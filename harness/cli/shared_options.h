#pragma once
/// Options that several verbs have, and the verbs themselves. Private to the command line.
#include <functional>
#include <memory>
#include <string>

#include "harness/cli/command_line.h"
#include "harness/cli/verbs.h"

namespace CLI {
class App;
}

namespace dsabench {

void add_output_options(CLI::App& verb, OutputOptions& options);
void add_database_option(CLI::App& verb, std::string& db);
void add_shape_options(CLI::App& verb, ModelOptions& options);
void add_layers_option(CLI::App& verb, ModelOptions& options);
void add_device_options(CLI::App& verb, ModelOptions& options);
void add_seed_device_dialect(CLI::App& verb, ModelOptions& options);
void add_model_options(CLI::App& verb, ModelOptions& options);  ///< --model, --config
void add_cache_format_option(CLI::App& verb, std::string& formats);
void add_progress_option(CLI::App& verb, std::string& progress);
/// --db, --progress, --no-ceilings, --time-limit: of what runs trials.
void add_run_options(CLI::App& verb, RunControlOptions& options);
void add_control_options(CLI::App& verb, RunControlOptions& options);
void add_sampling_options(CLI::App& verb, SamplingLimits& limits);
void add_ceilings_option(CLI::App& verb, bool& no_ceilings);
/// A verb with its example, which is a command that works in a folder that sees the repository's
/// tests.
CLI::App& add_verb(CLI::App& app, const std::string& name, const std::string& description,
                   const std::string& example);

/// Add verbs that write what they are to do to `chosen` when they are parsed.
/// demo, run, reproduce, resume, profile
void add_measuring_verbs(CLI::App& app, ParsedCommandLine& chosen);
/// search, overlap, verify, pattern
void add_model_verbs(CLI::App& app, ParsedCommandLine& chosen);
/// ab, calibrate
void add_comparison_verbs(CLI::App& app, ParsedCommandLine& chosen);
/// gate, baseline
void add_gate_verbs(CLI::App& app, ParsedCommandLine& chosen);
/// compare, list, db
void add_result_verbs(CLI::App& app, ParsedCommandLine& chosen);

/// report
void add_report_verbs(CLI::App& app, ParsedCommandLine& chosen);

/// The callback of a verb: makes `run(options, invocation)` what is to be done.
template <class Options, class Run>
std::function<void()> chooses(ParsedCommandLine& chosen, std::shared_ptr<Options> options,
                              Run run) {
  return [&chosen, options, run] {
    chosen.verb = [options, run](const Invocation& invocation) {
      return run(*options, invocation);
    };
  };
}

}  // namespace dsabench
