#include <CLI/CLI.hpp>

#include "harness/cli/shared_options.h"

namespace dsabench {
namespace {

void add_control(CLI::App& verb, ComparisonControlOptions& options) {
  add_database_option(verb, options.db);
  add_progress_option(verb, options.progress);
  verb.add_option("--policy", options.policy,
                  "A gate.json: what is judged, margins and alpha (default: prefill and decode "
                  "within 2 %, counters and tokens equal, scores within a point)");
  verb.add_option("--process-timeout", options.process_timeout,
                  "Of one process, such as 10m: one that takes longer ends the comparison")
      ->capture_default_str();
  verb.add_option("--time-limit", options.time_limit,
                  "Of this command, such as 2h: no round is begun that is not expected to fit, but "
                  "for the first");
  verb.add_option("--seed", options.seed, "Of the orders of rounds (default: drawn, and stored)")
      ->check(CLI::NonNegativeNumber);
}

void add_run_words(CLI::App& verb, std::vector<std::string>& words, const char* whose) {
  verb.add_option("run-options", words,
                  std::string("After --: options of `dsabench run`, for ") + whose)
      ->required();
}

void add_ab(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<AbVerbOptions>();
  AbVerbOptions& options = *shared;
  CLI::App& verb =
      add_verb(app, "ab", "Two builds, configurations or patterns in interleaved fresh processes",
               "dsabench ab --pattern FFFF,FSSS --looks 8 -- --model demo --set "
               "num_hidden_layers=4 --context 64 --phase prefill --max-samples 5");
  verb.add_option("--base", options.base, "Binary of A and its twin A' (default: this one)");
  verb.add_option("--candidate", options.candidate, "Binary of B (default: the base's)");
  verb.add_option("--base-args", options.base_args,
                  "Options of `run` for A and A' alone, in quotes: \"--context 2048\"");
  verb.add_option("--candidate-args", options.candidate_args, "The same for B");
  verb.add_option("--pattern", options.patterns, "Two patterns: the base's, the candidate's");
  verb.add_option("--retention", options.retentions, "Two retentions: the base's, the candidate's");
  verb.add_option("--looks", options.looks,
                  "Pairs at which a verdict is tried; alpha is split over them")
      ->capture_default_str();
  add_run_words(verb, options.run_options, "both arms");
  add_control(verb, options.control);
  add_output_options(verb, options.output);
  verb.callback(chooses(chosen, shared, run_ab_verb));
}

void add_calibrate(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<CalibrateVerbOptions>();
  CalibrateVerbOptions& options = *shared;
  CLI::App& verb = add_verb(
      app, "calibrate", "A build against itself: false alarms, noise, what slowdown shows",
      "dsabench calibrate --comparisons 2 --pairs 3 -- --model demo --set num_hidden_layers=4 "
      "--context 64 --phase prefill --max-samples 5");
  verb.add_option("--base", options.base, "Binary (default: this one)");
  verb.add_option("--comparisons", options.comparisons,
                  "Of base against base; those that are stored of this machine, build and cells "
                  "count too")
      ->capture_default_str();
  verb.add_option("--pairs", options.pairs, "Rounds of two processes in a comparison")
      ->capture_default_str();
  add_run_words(verb, options.run_options, "every process");
  add_control(verb, options.control);
  add_output_options(verb, options.output);
  verb.callback(chooses(chosen, shared, run_calibrate));
}

}  // namespace

void add_comparison_verbs(CLI::App& app, ParsedCommandLine& chosen) {
  add_ab(app, chosen);
  add_calibrate(app, chosen);
}

}  // namespace dsabench
