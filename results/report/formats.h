#pragma once
/// The formats behind render(), and what they share. Private to results/.
#include <string>
#include <vector>

#include "results/report/table.h"

namespace dsabench::report {

/// Of JSON and JSON Lines: goes up where a key goes away or changes its meaning.
inline constexpr int kReportSchemaVersion = 1;

/// Its name in data formats: `name`, else the title in lower case with '_' for what is no letter
/// or digit.
std::string table_name(const Table& table);
/// A field as data: doubles so that they round-trip, nothing for what is absent or not finite.
std::string data_text(const Field& field);
/// "model=tiny context_tokens=4096": the identity columns that are there; the first column where
/// the table has none.
std::string row_name(const Table& table, const std::vector<Field>& row);

enum class Verdict { passed, failure, error, skipped };
struct RowOutcome {
  Verdict verdict = Verdict::passed;
  std::string state, text;  ///< text: for people; the state where the table has no such column
};
RowOutcome row_outcome(const Table& table, const std::vector<Field>& row);

std::string render_csv(const std::vector<Table>& tables);
std::string render_jsonl(const std::vector<Table>& tables);
std::string render_sql(const std::vector<Table>& tables);
std::string render_junit(const std::vector<Table>& tables);
std::string render_github(const std::vector<Table>& tables);
/// Tables one after the other.
std::string render_markdown(const std::vector<Table>& tables);

}  // namespace dsabench::report
