#include <fmt/format.h>
#include <sqlite3.h>

#include <map>

#include "kernels/base/error.h"
#include "results/identity.h"
#include "results/maintenance.h"
#include "results/store/connection.h"
#include "results/store/migrations.h"
#include "results/store/store_error.h"

namespace dsabench {
namespace {

constexpr std::int64_t kMaxFindingsPerCheck = 20;

/// What must select no rows; each row it selects is a finding's detail.
struct Invariant {
  const char* check;
  const char* violations;
};

constexpr Invariant kInvariants[] = {
    {"cell_id",
     "SELECT 'cell ' || cell_id || ' is not the hash of its canonical form'"
     " FROM cell WHERE content_hash(canonical_json) <> cell_id"},
    {"machine_id",
     "SELECT 'run ' || run_id || ': machine_id is not the hash of machine_json'"
     " FROM (SELECT run_id, machine_id, machine_json FROM run"
     "  UNION ALL SELECT run_id, machine_id, machine_json FROM continuation)"
     " WHERE content_hash(machine_json) <> machine_id"},
    {"build_id",
     "SELECT 'run ' || run_id || ': build_id is not the hash of build_json'"
     " FROM (SELECT run_id, build_id, build_json FROM run"
     "  UNION ALL SELECT run_id, build_id, build_json FROM continuation)"
     " WHERE content_hash(build_json) <> build_id"},
    {"model_id",
     "SELECT 'run ' || run_id || ': model_id is not the hash of model_json'"
     " FROM run WHERE content_hash(model_json) <> model_id"},
    {"plan_id",
     "SELECT 'run ' || run_id || ': plan_id is not the hash of plan_json'"
     " FROM run WHERE (plan_id <> '' OR plan_json <> '') AND content_hash(plan_json) <> plan_id"},
    {"output_id",
     "SELECT 'output ' || output_id || ' is not the hash of its text'"
     " FROM output WHERE content_hash(text) <> output_id"},
    {"sample_position",
     "SELECT 'trial ' || trial_id || ', metric ' || name || ': ' || samples"
     "  || ' samples at positions ' || first || ' to ' || last"
     " FROM (SELECT metric_id, count(*) AS samples, min(position) AS first, max(position) AS last"
     "  FROM sample GROUP BY metric_id) JOIN metric USING (metric_id)"
     " WHERE first <> 0 OR last <> samples - 1"},
    {"answer_position",
     "SELECT 'trial ' || trial_id || ': ' || answers || ' answers at positions ' || first"
     "  || ' to ' || last"
     " FROM (SELECT trial_id, count(*) AS answers, min(position) AS first, max(position) AS last"
     "  FROM answer GROUP BY trial_id) WHERE first <> 0 OR last <> answers - 1"},
    {"device_sample_position",
     "SELECT 'trial ' || trial_id || ': ' || samples || ' device samples at positions ' || first"
     "  || ' to ' || last"
     " FROM (SELECT trial_id, count(*) AS samples, min(position) AS first, max(position) AS last"
     "  FROM device_sample GROUP BY trial_id) WHERE first <> 0 OR last <> samples - 1"},
    {"ceiling",
     "SELECT 'run ' || run_id || ': ceiling ' || name || ' is of continuation ' || continuation"
     "  || ', which is not there'"
     " FROM ceiling WHERE continuation <> -1 AND NOT EXISTS (SELECT 1 FROM continuation AS next"
     "  WHERE next.run_id = ceiling.run_id AND next.position = ceiling.continuation)"},
    {"indexer_runs",
     "SELECT 'trial ' || trial_id || ' is ok, but layer ' || layer || ' ran its indexer ' || runs"
     "  || ' times; expected: ' || expected"
     " FROM layer_runs JOIN trial USING (trial_id) WHERE outcome = 'ok' AND runs <> expected"},
    {"score",
     "SELECT 'trial ' || trial_id || ', answer ' || position || ': score ' || score"
     " FROM answer WHERE NOT (score >= 0 AND score <= 1)"},
    {"run_status",
     "SELECT 'run ' || run_id || ': status ' || status"
     " FROM run WHERE status NOT IN ('running', 'done', 'interrupted', 'failed', 'profile',"
     " 'search', 'overlap')"},
    {"overlap",
     "SELECT 'run ' || run_id || ' is an overlap, and its matrix has ' || found"
     "  || ' values for ' || length(pattern) || ' layers'"
     " FROM (SELECT run_id, pattern, (SELECT count(*) FROM trial JOIN metric USING (trial_id)"
     "   JOIN sample USING (metric_id) WHERE trial.run_id = run.run_id"
     "   AND name = 'topk_overlap_matrix_ppm') AS found"
     "  FROM run JOIN planned_cell USING (run_id) JOIN cell USING (cell_id)"
     "  WHERE status = 'overlap') WHERE found <> length(pattern) * length(pattern)"},
    {"profile",
     "SELECT 'run ' || run_id || ': its status is ' || status || ', and it '"
     "  || iif(profile.run_id IS NULL, 'has no profile', 'has a profile')"
     " FROM run LEFT JOIN profile USING (run_id)"
     " WHERE (status = 'profile') <> (profile.run_id IS NOT NULL) UNION ALL"
     " SELECT 'run ' || run_id || ' is a profile and has trials'"
     " FROM profile WHERE run_id IN (SELECT run_id FROM trial) UNION ALL"
     " SELECT 'run ' || run_id || ': ' || found || ' values of a profile at positions ' || first"
     "  || ' to ' || last"
     " FROM (SELECT run_id, count(*) AS found, min(position) AS first, max(position) AS last"
     "  FROM profile_value GROUP BY run_id, watched) WHERE first <> 0 OR last <> found - 1"},
    {"search",
     "SELECT 'run ' || run_id || ': its status is ' || status || ', and it '"
     "  || iif(search.run_id IS NULL, 'has no search', 'has a search')"
     " FROM run LEFT JOIN search USING (run_id)"
     " WHERE (status = 'search') <> (search.run_id IS NOT NULL) UNION ALL"
     " SELECT 'run ' || run_id || ' is a search and has cells'"
     " FROM search WHERE run_id IN (SELECT run_id FROM planned_cell) UNION ALL"
     " SELECT 'run ' || run_id || ': ' || method || ' flips layer ' || layer || ' of '"
     "  || from_pattern || ', which is not Full'"
     " FROM search_flip WHERE substr(from_pattern, layer + 1, 1) <> 'F'"},
    {"running_trial",
     "SELECT 'run ' || run_id || ' is done, but repeat ' || repeat || ' of cell ' || cell_id"
     "  || ' is marked as running'"
     " FROM running_trial JOIN run USING (run_id) WHERE status = 'done'"},
    {"mixed",
     "SELECT 'run ' || run_id || ': mixed is ' || mixed || ', against its continuations'"
     " FROM run WHERE mixed <> EXISTS (SELECT 1 FROM continuation AS next"
     "  WHERE next.run_id = run.run_id"
     "  AND (next.machine_id <> run.machine_id OR next.build_id <> run.build_id))"},
    {"trial_origin",
     "SELECT 'trial ' || trial_id || ': neither its run nor a continuation of it has its machine'"
     "  || ' and build'"
     " FROM trial JOIN run USING (run_id) WHERE NOT EXISTS ("
     "  SELECT 1 FROM (SELECT run.machine_id AS machine, run.build_id AS build UNION ALL"
     "   SELECT machine_id, build_id FROM continuation WHERE run_id = trial.run_id)"
     "  WHERE (trial.machine_id = machine OR trial.machine_id = '')"
     "   AND (trial.build_id = build OR trial.build_id = ''))"},
    {"comparison",
     "SELECT 'comparison ' || comparison_id || ': status ' || status FROM comparison"
     " WHERE status NOT IN ('running', 'done', 'interrupted', 'failed') UNION ALL"
     " SELECT 'comparison ' || comparison_id || ': its kind is ' || kind"
     "  || iif(calibration_id = '', ', without', ', with') || ' a calibration'"
     " FROM comparison WHERE (kind = 'calibrate') <> (calibration_id <> '') UNION ALL"
     " SELECT 'comparison ' || comparison_id || ' has ' || count(arm) || ' arms'"
     " FROM comparison LEFT JOIN comparison_arm USING (comparison_id)"
     " GROUP BY comparison_id HAVING count(arm) < 2 UNION ALL"
     " SELECT 'comparison ' || comparison_id || ': the arguments of ' || arm || ' are no array'"
     " FROM comparison_arm WHERE CASE WHEN json_valid(arguments_json)"
     "  THEN json_type(arguments_json) <> 'array' ELSE 1 END"},
    {"baseline",
     "SELECT 'baseline ' || baseline_id || ' (' || name || ') has no run' FROM baseline"
     " WHERE baseline_id NOT IN (SELECT baseline_id FROM baseline_run) UNION ALL"
     " SELECT 'baseline ' || baseline_id || ' has no name' FROM baseline WHERE name = ''"},
};

void sql_content_hash(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(arguments[0]));
  const auto bytes = static_cast<std::size_t>(sqlite3_value_bytes(arguments[0]));
  const std::string hash = content_hash({text == nullptr ? "" : text, bytes});
  sqlite3_result_text(context, hash.data(), static_cast<int>(hash.size()), SQLITE_TRANSIENT);
}

class Checker {
 public:
  explicit Checker(SQLite::Database& db) : db_(db) {
    db.createFunction("content_hash", 1, true, nullptr, sql_content_hash, nullptr, nullptr,
                      nullptr);
  }

  CheckReport run() {
    report_.schema_version = db_.execAndGet("PRAGMA user_version").getInt();
    check("integrity",
          "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'");
    check("foreign_key",
          "SELECT 'a row of ' || \"table\" || ' refers to no row of ' || parent"
          " FROM pragma_foreign_key_check");
    if (report_.schema_version != current_schema()) {
      add("schema", fmt::format("schema {}, this build knows {}: its own rules were not checked",
                                report_.schema_version, current_schema()));
      return report_;
    }
    check_schema();
    if (!report_.clean()) return report_;  // the statements below would only repeat it
    for (const Invariant& invariant : kInvariants) check(invariant.check, invariant.violations);
    report_.num_runs = count("run");
    report_.num_trials = count("trial");
    report_.num_samples = count("sample");
    return report_;
  }

 private:
  static int current_schema() { return static_cast<int>(store::all_migrations().size()); }

  void add(const std::string& check, std::string detail) {
    report_.findings.push_back({check, std::move(detail)});
  }

  void check(const std::string& name, const std::string& violations) try {
    SQLite::Statement query(db_, violations);
    std::int64_t found = 0;
    while (query.executeStep()) {
      if (++found <= kMaxFindingsPerCheck) add(name, query.getColumn(0).getString());
    }
    if (found > kMaxFindingsPerCheck) {
      add(name, fmt::format("and {} more", found - kMaxFindingsPerCheck));
    }
  } catch (const SQLite::Exception& error) {
    if (!store::is_damage(error)) throw;
    add(name, error.what());
  }

  std::int64_t count(const std::string& table) {
    return db_.execAndGet("SELECT count(*) FROM " + table).getInt64();
  }

  /// What is there beyond this build's schema, such as a user's own view, does no harm.
  void check_schema() {
    SQLite::Database fresh(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    store::migrate(fresh, ":memory:", store::all_migrations());
    const auto actual = definitions(db_);
    for (const auto& [name, sql] : definitions(fresh)) {
      const auto found = actual.find(name);
      if (found == actual.end()) {
        add("schema", name + " is missing");
      } else if (found->second != sql) {
        add("schema", name + " is not as this build made it");
      }
    }
  }

  static std::map<std::string, std::string> definitions(SQLite::Database& db) {
    SQLite::Statement query(db,
                            "SELECT type || ' ' || name, sql FROM sqlite_schema"
                            " WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'");
    std::map<std::string, std::string> definitions;
    while (query.executeStep()) {
      definitions[query.getColumn(0).getString()] = query.getColumn(1).getString();
    }
    return definitions;
  }

  SQLite::Database& db_;
  CheckReport report_;
};

}  // namespace

CheckReport check_database(const std::string& path) {
  return store::with_store_errors(path, "check the database", [&]() -> CheckReport {
    store::require_sqlite_version();
    try {
      SQLite::Database db = store::open_for_reading(path, store::kBusyTimeout);
      store::require_dsabench(store::read_identity(db), path, false);
      SQLite::Transaction snapshot(db);
      return Checker(db).run();
    } catch (const SQLite::Exception& error) {
      if (!store::is_damage(error)) throw;
      return {.findings = {{"integrity", error.what()}}};
    }
  });
}

MigrationReport migrate_database(const std::string& path) {
  return store::with_store_errors(path, "migrate the database", [&] {
    MigrationReport report;
    {
      SQLite::Database db = store::open_for_reading(path, store::kBusyTimeout);
      const store::FileIdentity identity = store::read_identity(db);
      store::require_dsabench(identity, path, false);
      report.from_version = report.to_version = identity.schema_version;
    }
    const int latest = static_cast<int>(store::all_migrations().size());
    if (report.from_version > latest) {
      throw StoreError(
          fmt::format("{}: cannot migrate the database: a newer dsabench wrote it (schema {}, this "
                      "build writes {})",
                      path, report.from_version, latest));
    }
    if (report.from_version < latest) {
      store::open_and_migrate(path, store::kBusyTimeout);
      report.to_version = latest;
      report.backup = store::backup_path(path, report.from_version);
    }
    return report;
  });
}

}  // namespace dsabench
