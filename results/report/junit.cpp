#include <fmt/format.h>

#include "results/report/formats.h"
#include "results/report/plain_text.h"

namespace dsabench::report {
namespace {

struct Counts {
  int tests = 0, failures = 0, errors = 0, skipped = 0;

  void add(Verdict verdict) {
    ++tests;
    failures += verdict == Verdict::failure;
    errors += verdict == Verdict::error;
    skipped += verdict == Verdict::skipped;
  }
  void add(const Counts& other) {
    tests += other.tests;
    failures += other.failures;
    errors += other.errors;
    skipped += other.skipped;
  }
  std::string attributes() const {
    return fmt::format(R"(tests="{}" failures="{}" errors="{}" skipped="{}")", tests, failures,
                       errors, skipped);
  }
};

std::string properties_of(const Table& table, const std::vector<Field>& row) {
  std::string out;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    const std::string text = data_text(row.at(i));
    if (column.shown == Shown::in_markdown || column.role != Role::value || text.empty()) continue;
    out += fmt::format("        <property name=\"{}\" value=\"{}\"/>\n", escape_xml(column.key),
                       escape_xml(text));
  }
  return out.empty() ? out : "      <properties>\n" + out + "      </properties>\n";
}

std::string result_of(const RowOutcome& outcome) {
  const std::string message = escape_xml(outcome.text);
  switch (outcome.verdict) {
    case Verdict::passed:
      return "";
    case Verdict::failure:
      return fmt::format("      <failure type=\"{}\" message=\"{}\"/>\n", escape_xml(outcome.state),
                         message);
    case Verdict::error:
      return fmt::format("      <error type=\"{}\" message=\"{}\"/>\n", escape_xml(outcome.state),
                         message);
    case Verdict::skipped:
      return fmt::format("      <skipped message=\"{}\"/>\n", message);
  }
  return "";
}

std::string suite_of(const Table& table, Counts& total) {
  Counts counts;
  std::string cases;
  for (const std::vector<Field>& row : table.rows) {
    const RowOutcome outcome = row_outcome(table, row);
    counts.add(outcome.verdict);
    cases +=
        fmt::format("    <testcase classname=\"{}\" name=\"{}\">\n",
                    escape_xml("dsabench." + table_name(table)), escape_xml(row_name(table, row)));
    cases += properties_of(table, row) + result_of(outcome) + "    </testcase>\n";
  }
  total.add(counts);
  std::string notes;
  for (const std::string& note : table.notes) notes += escape_xml(note) + "\n";
  return fmt::format(
      "  <testsuite name=\"{}\" {}>\n{}    <system-out>{}</system-out>\n  </testsuite>\n",
      escape_xml(table.title), counts.attributes(), cases, notes);
}

}  // namespace

std::string render_junit(const std::vector<Table>& tables) {
  Counts total;
  std::string suites;
  for (const Table& table : tables) suites += suite_of(table, total);
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"dsabench\" "
      "{}>\n{}</testsuites>\n",
      total.attributes(), suites);
}

}  // namespace dsabench::report
