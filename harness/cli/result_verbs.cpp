#include <CLI/CLI.hpp>

#include "harness/cli/shared_options.h"

namespace dsabench {
namespace {

void add_compare(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<CompareVerbOptions>();
  CompareVerbOptions& options = *shared;
  CLI::App& verb =
      add_verb(app, "compare",
               "Runs side by side, cell by cell: two of them, or any number by device, "
               "commit, pattern or model; no verdict",
               "dsabench compare last~1 last");
  verb.add_option("runs", options.runs,
                  "BASE and CANDIDATE: run ids, unique prefixes of them, last or last~N; with --by "
                  "any number, the first group's first; none: all runs of the database, oldest "
                  "first");
  verb.add_option("--by", options.by,
                  "device, commit, pattern or model: cells that agree in all else side by side, "
                  "with each machine's share of its own ceilings");
  verb.add_option("--ignore", options.ignored_keys,
                  "Fields in which paired cells may differ, such as pattern,picks");
  add_database_option(verb, options.db);
  add_output_options(verb, options.output);
  verb.callback(chooses(chosen, shared, run_compare));
}

void add_list(CLI::App& app, ParsedCommandLine& chosen) {
  const auto shared = std::make_shared<ListOptions>();
  ListOptions& options = *shared;
  CLI::App& verb = add_verb(app, "list", "Lists models, suites, devices, runs or patterns",
                            "dsabench list models");
  verb.add_option("what", options.what, "models, suites, devices, runs or patterns")->required();
  add_database_option(verb, options.db);
  add_output_options(verb, options.output);
  verb.callback(chooses(chosen, shared, run_list));
}

using DatabaseVerb = ExitCode (*)(const DatabaseOptions&, const Invocation&);

void add_database_verb(CLI::App& db, ParsedCommandLine& chosen, const char* name,
                       const char* description, const char* example, DatabaseVerb run,
                       const char* file) {
  const auto shared = std::make_shared<DatabaseOptions>();
  CLI::App& verb = add_verb(db, name, description, example);
  if (file != nullptr) verb.add_option("file", shared->file, file)->required();
  add_database_option(verb, shared->db);
  if (run != run_db_export) add_output_options(verb, shared->output);
  verb.callback(chooses(chosen, shared, run));
}

void add_database(CLI::App& app, ParsedCommandLine& chosen) {
  CLI::App& db = add_verb(app, "db", "The care of a results database", "dsabench db check");
  db.require_subcommand(1);
  add_database_verb(db, chosen, "check", "Looks for damage and contradictions; changes nothing",
                    "dsabench db check", run_db_check, nullptr);
  add_database_verb(db, chosen, "migrate", "Brings a database to this build's schema",
                    "dsabench db migrate", run_db_migrate, nullptr);
  add_database_verb(db, chosen, "export", "Writes a database as JSON Lines, without loss",
                    "dsabench db export results.jsonl", run_db_export,
                    "File to write; - is standard output");
  add_database_verb(db, chosen, "import", "Merges an export into a database",
                    "dsabench db import results.jsonl", run_db_import,
                    "Export to read; - is standard input");
}

}  // namespace

void add_result_verbs(CLI::App& app, ParsedCommandLine& chosen) {
  add_compare(app, chosen);
  add_list(app, chosen);
  add_database(app, chosen);
}

}  // namespace dsabench
