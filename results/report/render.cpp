#include "results/report/render.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

#include "kernels/base/error.h"
#include "results/report/formats.h"

namespace dsabench {
namespace {

constexpr std::array<std::pair<std::string_view, TableFormat>, 7> kFormats = {
    {{"md", TableFormat::markdown},
     {"csv", TableFormat::csv},
     {"json", TableFormat::json},
     {"jsonl", TableFormat::jsonl},
     {"sql", TableFormat::sql},
     {"junit", TableFormat::junit},
     {"github", TableFormat::github}}};

/// The row's text in the first column of that role.
std::string text_of(const Table& table, const std::vector<Field>& row, Role role) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].role == role) return report::data_text(row.at(i));
  }
  return "";
}

report::Verdict verdict_of(const std::string& state) {
  using report::Verdict;
  if (state.empty() || state == "ok") return Verdict::passed;
  if (state == "incorrect" || state == "regression") return Verdict::failure;
  if (state == "discarded" || state == "interrupted" || state == "inconclusive" ||
      state == "not_run") {
    return Verdict::skipped;
  }
  return Verdict::error;
}

}  // namespace

TableFormat parse_table_format(std::string_view name) {
  for (const auto& [known, format] : kFormats) {
    if (name == known) return format;
  }
  throw InvalidArgument(
      fmt::format("unknown format '{}'; there are: {}", name, table_format_names()));
}

std::string table_format_names() {
  std::string names;
  for (const auto& [name, format] : kFormats) {
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names;
}

std::string render(TableFormat format, const std::vector<Table>& tables) {
  switch (format) {
    case TableFormat::markdown:
      return report::render_markdown(tables);
    case TableFormat::csv:
      return report::render_csv(tables);
    case TableFormat::json:
      return render_json(tables);
    case TableFormat::jsonl:
      return report::render_jsonl(tables);
    case TableFormat::sql:
      return report::render_sql(tables);
    case TableFormat::junit:
      return report::render_junit(tables);
    case TableFormat::github:
      return report::render_github(tables);
  }
  throw InvalidArgument("unknown table format");
}

namespace report {

std::string table_name(const Table& table) {
  if (!table.name.empty()) return table.name;
  std::string name;
  for (const char c : table.title) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || upper;
    if (plain) {
      name += upper ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
  }
  while (!name.empty() && name.back() == '_') name.pop_back();
  return name.empty() ? "table" : name;
}

std::string data_text(const Field& field) {
  struct Printer {
    std::string operator()(std::monostate) const { return ""; }
    std::string operator()(const std::string& text) const { return text; }
    std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
    std::string operator()(double value) const {
      return std::isfinite(value) ? fmt::format("{}", value) : "";
    }
  };
  return std::visit(Printer{}, field);
}

std::string row_name(const Table& table, const std::vector<Field>& row) {
  std::string name;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const std::string text = data_text(row.at(i));
    if (table.columns[i].role != Role::identity || text.empty()) continue;
    name += fmt::format("{}{}={}", name.empty() ? "" : " ", table.columns[i].key, text);
  }
  return name.empty() && !row.empty() ? data_text(row.front()) : name;
}

RowOutcome row_outcome(const Table& table, const std::vector<Field>& row) {
  RowOutcome outcome;
  outcome.state = text_of(table, row, Role::state);
  outcome.text = text_of(table, row, Role::outcome);
  if (outcome.text.empty()) outcome.text = outcome.state;
  outcome.verdict = verdict_of(outcome.state);
  return outcome;
}

std::string render_markdown(const std::vector<Table>& tables) {
  std::string out;
  for (const Table& table : tables) {
    if (!out.empty()) out += '\n';
    out += dsabench::render_markdown(table);
  }
  return out;
}

}  // namespace report
}  // namespace dsabench
