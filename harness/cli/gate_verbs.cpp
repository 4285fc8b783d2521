#include <CLI/CLI.hpp>

#include "harness/cli/shared_options.h"

namespace dsabench {
namespace {

void add_gate(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<GateVerbOptions>();
  GateVerbOptions& options = *shared;
  CLI::App& verb = add_verb(app, "gate", "Slower or worse, yes or no: a verdict and an exit code",
                            "dsabench gate --baseline main");
  verb.add_option(
      "runs", options.runs,
      "Of --baseline: run ids, unique prefixes, last or last~N (default: last). Each is "
      "one process: a verdict on times needs several on both sides");
  verb.add_option("--comparison", options.comparison,
                  "A stored comparison of `ab`: its id, a unique prefix, or last");
  verb.add_option(
      "--baseline", options.baseline,
      "The baseline that runs are held against, from one process each and not in pairs");
  verb.add_option("--policy", options.policy,
                  "A gate.json: what is judged, margins and alpha (default: what the comparison "
                  "was made with; else prefill and decode within 2 %, counters and tokens equal, "
                  "scores within a point)");
  add_database_option(verb, options.db);
  add_output_options(verb, options.output);
  verb.callback(chooses(chosen, shared, run_gate));
}

using BaselineVerb = ExitCode (*)(const BaselineVerbOptions&, const Invocation&);

CLI::App& add_baseline_verb(CLI::App& baseline, ParsedCommandLine& chosen, const char* name,
                            const char* description, const char* example, BaselineVerb run,
                            std::shared_ptr<BaselineVerbOptions> shared) {
  CLI::App& verb = add_verb(baseline, name, description, example);
  if (run != run_baseline_list) {
    verb.add_option("name", shared->name, "Name of the baseline")->required();
  }
  add_database_option(verb, shared->db);
  add_output_options(verb, shared->output);
  verb.callback(chooses(chosen, shared, run));
  return verb;
}

void add_baseline(CLI::App& app, ParsedCommandLine& chosen) {
  CLI::App& baseline =
      add_verb(app, "baseline", "Runs that later ones are held against", "dsabench baseline list");
  baseline.require_subcommand(1);
  const auto promoted = std::make_shared<BaselineVerbOptions>();
  CLI::App& promote = add_baseline_verb(
      baseline, chosen, "promote", "Makes runs the baseline of a name; older ones stay",
      "dsabench baseline promote main last~1 last", run_baseline_promote, promoted);
  promote.add_option("runs", promoted->runs, "Run ids, unique prefixes, last or last~N")
      ->required();
  promote.add_option("--note", promoted->note, "Why, for those who list it");
  add_baseline_verb(baseline, chosen, "list", "All that were promoted, newest first",
                    "dsabench baseline list", run_baseline_list,
                    std::make_shared<BaselineVerbOptions>());
  add_baseline_verb(baseline, chosen, "retire",
                    "Takes the newest of a name out of force: the one before it is again",
                    "dsabench baseline retire main", run_baseline_retire,
                    std::make_shared<BaselineVerbOptions>());
}

}  // namespace

void add_gate_verbs(CLI::App& app, ParsedCommandLine& chosen) {
  add_gate(app, chosen);
  add_baseline(app, chosen);
}

}  // namespace dsabench
