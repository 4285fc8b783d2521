#include <fmt/format.h>

#include "results/store/rows.h"

namespace dsabench::store {
namespace {

constexpr const char* kColumns =
    "comparison_id, kind, calibration_id, started_ms, finished_ms, status, command_line,"
    " tool_version, machine_id, seed, settings_json";

ComparisonRecord read_comparison_row(SQLite::Statement& row) {
  ComparisonRecord comparison;
  read_row(row, comparison.comparison_id, comparison.kind, comparison.calibration_id,
           comparison.started_ms, comparison.finished_ms, comparison.status,
           comparison.command_line, comparison.tool_version, comparison.machine_id, comparison.seed,
           comparison.settings_json);
  return comparison;
}

void read_arms(SQLite::Database& db, ComparisonRecord& comparison) {
  SQLite::Statement query(db,
                          "SELECT arm, label, binary, arguments_json FROM comparison_arm"
                          " WHERE comparison_id = ? ORDER BY CASE arm WHEN 'base' THEN 0"
                          " WHEN 'twin' THEN 1 ELSE 2 END");
  query.bind(1, comparison.comparison_id);
  while (query.executeStep()) {
    ComparisonArm& arm = comparison.arms.emplace_back();
    std::string name;
    read_row(query, name, arm.label, arm.binary, arm.arguments_json);
    arm.arm = parse_arm(name);
  }
}

void read_samples(SQLite::Database& db, ComparisonRecord& comparison) {
  SQLite::Statement query(db,
                          "SELECT round, place, arm, run_id FROM comparison_sample"
                          " WHERE comparison_id = ? ORDER BY round, place");
  query.bind(1, comparison.comparison_id);
  while (query.executeStep()) {
    ComparisonSample& sample = comparison.samples.emplace_back();
    std::string name;
    read_row(query, sample.round, sample.place, name, sample.run_id);
    sample.arm = parse_arm(name);
  }
}

}  // namespace

void insert_comparison(SQLite::Database& db, const ComparisonRecord& comparison) {
  SQLite::Statement insert(
      db, fmt::format("INSERT INTO comparison ({}) VALUES (?,?,?,?,?,?,?,?,?,?,?)", kColumns));
  execute(insert, comparison.comparison_id, comparison.kind, comparison.calibration_id,
          comparison.started_ms, comparison.finished_ms, comparison.status, comparison.command_line,
          comparison.tool_version, comparison.machine_id,
          static_cast<std::int64_t>(comparison.seed), comparison.settings_json);
  SQLite::Statement arm(db,
                        "INSERT INTO comparison_arm (comparison_id, arm, label, binary,"
                        " arguments_json) VALUES (?,?,?,?,?)");
  for (const ComparisonArm& side : comparison.arms) {
    execute(arm, comparison.comparison_id, arm_name(side.arm), side.label, side.binary,
            side.arguments_json);
  }
}

void insert_comparison_sample(SQLite::Database& db, const std::string& comparison_id,
                              const ComparisonSample& sample) {
  SQLite::Statement insert(db,
                           "INSERT INTO comparison_sample (comparison_id, round, place, arm,"
                           " run_id) VALUES (?,?,?,?,?)");
  execute(insert, comparison_id, sample.round, sample.place, arm_name(sample.arm), sample.run_id);
}

std::vector<ComparisonRecord> read_comparisons(SQLite::Database& db) {
  SQLite::Statement query(
      db, fmt::format("SELECT {} FROM comparison ORDER BY started_ms DESC, comparison_id DESC",
                      kColumns));
  std::vector<ComparisonRecord> comparisons;
  while (query.executeStep()) comparisons.push_back(read_comparison_row(query));
  for (ComparisonRecord& comparison : comparisons) {
    read_arms(db, comparison);
    read_samples(db, comparison);
  }
  return comparisons;
}

ComparisonRecord read_comparison(SQLite::Database& db, const std::string& comparison_id) {
  SQLite::Statement query(
      db, fmt::format("SELECT {} FROM comparison WHERE comparison_id = ?", kColumns));
  query.bind(1, comparison_id);
  query.executeStep();
  ComparisonRecord comparison = read_comparison_row(query);
  read_arms(db, comparison);
  read_samples(db, comparison);
  return comparison;
}

}  // namespace dsabench::store
