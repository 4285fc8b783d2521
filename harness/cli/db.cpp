#include <fmt/format.h>

#include <fstream>
#include <iostream>

#include "harness/cli/result_output.h"
#include "kernels/base/error.h"
#include "results/exchange.h"
#include "results/maintenance.h"
#include "results/report/fields.h"

namespace dsabench {
namespace {

Table check_table(const std::string& db, const CheckReport& report) {
  Table table;
  table.name = "db_check";
  table.title = "Check of " + db;
  table.columns = {report::naming("check", "Check"),
                   {"state", "State", "", 0, Shown::in_data, Role::state},
                   {"detail", "Finding", "", 0, Shown::everywhere, Role::outcome}};
  for (const Finding& finding : report.findings) {
    table.rows.push_back({finding.check, std::string("incorrect"), finding.detail});
  }
  if (report.clean()) {
    table.rows.push_back({std::string("all"), std::string("ok"), std::string("nothing found")});
  }
  table.notes = {fmt::format("schema {}, {} runs, {} trials, {} samples", report.schema_version,
                             report.num_runs, report.num_trials, report.num_samples)};
  return table;
}

Table import_table(const std::string& db, const ImportReport& report) {
  Table table;
  table.name = "db_import";
  table.title = "Import into " + db;
  table.columns = {{"kind", "Kind", ""},
                   report::naming("id", "Id or name"),
                   {"state", "State", "", 0, Shown::in_data, Role::state},
                   {"outcome", "Outcome", "", 0, Shown::everywhere, Role::outcome}};
  const auto add = [&table](const char* kind, const ImportedPart& part) {
    const auto add_rows = [&](const std::vector<std::string>& ids, const char* state,
                              const char* outcome) {
      for (const std::string& id : ids) {
        table.rows.push_back({std::string(kind), id, std::string(state), std::string(outcome)});
      }
    };
    add_rows(part.added, "ok", "added");
    add_rows(part.skipped, "ok", "was there already");
    add_rows(part.refused, "failed",
             "refused: it, or a run of it, is there already with other content");
  };
  add("run", report);
  add("comparison", report.comparisons);
  add("baseline", report.baselines);
  table.notes = {fmt::format("{} rows read", report.num_rows)};
  return table;
}

/// A stream that takes no more is a full disk, not a wrong argument.
std::int64_t export_to(std::ostream& stream, const std::string& db) try {
  return export_database(db, stream);
} catch (const IoError& error) {
  throw StoreError(error.what());
}

}  // namespace

ExitCode run_db_check(const DatabaseOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  const CheckReport report = check_database(options.db);
  output.write({check_table(options.db, report)});
  return report.clean() ? ExitCode::pass : ExitCode::database;
}

ExitCode run_db_migrate(const DatabaseOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  const MigrationReport report = migrate_database(options.db);
  Table table;
  table.name = "db_migrate";
  table.title = "Migration of " + options.db;
  table.columns = {{"from_version", "From schema", ""},
                   {"to_version", "To schema", ""},
                   {"backup", "Copy of before", ""}};
  table.rows.push_back({std::int64_t{report.from_version}, std::int64_t{report.to_version},
                        report.backup.empty() ? Field() : Field(report.backup)});
  output.write({table});
  return ExitCode::pass;
}

ExitCode run_db_export(const DatabaseOptions& options, const Invocation& invocation) {
  if (options.file == "-") {
    export_to(invocation.out, options.db);
    invocation.out << std::flush;
    if (!invocation.out) throw StoreError("cannot write the export to standard output");
    return ExitCode::pass;
  }
  const StagedFile file(options.file);
  std::int64_t num_rows = 0;
  file.write([&](std::ostream& stream) { num_rows = export_to(stream, options.db); });
  invocation.err << fmt::format("{} rows written\n", num_rows);
  return ExitCode::pass;
}

ExitCode run_db_import(const DatabaseOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  ImportReport report;
  if (options.file == "-") {
    report = import_database(std::cin, "standard input", options.db);
  } else {
    std::ifstream stream(options.file, std::ios::binary);
    if (!stream) throw IoError(fmt::format("cannot open {}", options.file));
    report = import_database(stream, options.file, options.db);
  }
  output.write({import_table(options.db, report)});
  const bool refused = !report.refused.empty() || !report.comparisons.refused.empty() ||
                       !report.baselines.refused.empty();
  return refused ? ExitCode::database : ExitCode::pass;
}

}  // namespace dsabench
