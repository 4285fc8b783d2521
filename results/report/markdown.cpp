#include <fmt/format.h>

#include <algorithm>

#include "results/report/markdown_text.h"
#include "results/report/table.h"

namespace dsabench {
namespace {

using report::display_width;
using report::escape_markdown;

std::string text_of(const Field& field, int decimals) {
  struct Printer {
    int decimals;
    std::string operator()(std::monostate) const { return ""; }
    std::string operator()(const std::string& text) const { return escape_markdown(text); }
    std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
    std::string operator()(double value) const { return fmt::format("{:.{}f}", value, decimals); }
  };
  return std::visit(Printer{decimals}, field);
}

/// A printed column: its heading, then a text per row.
struct PrintedColumn {
  std::string heading;
  std::vector<std::string> texts;

  bool uniform() const {
    return std::all_of(texts.begin(), texts.end(),
                       [&](const std::string& text) { return text == texts.front(); });
  }
  /// Numbers line up on the right.
  bool numeric() const {
    return std::all_of(texts.begin(), texts.end(), [](const std::string& text) {
      return text.empty() || text[0] == '-' || (text[0] >= '0' && text[0] <= '9');
    });
  }
  std::size_t width() const {
    std::size_t width = std::max<std::size_t>(3, display_width(heading));
    for (const std::string& text : texts) width = std::max(width, display_width(text));
    return width;
  }
};

std::string pad(const std::string& text, std::size_t width, bool right) {
  const std::string space(width - display_width(text), ' ');
  return right ? space + text : text + space;
}

std::string render_grid(const std::vector<PrintedColumn>& columns, std::size_t num_rows) {
  std::string head = "|", rule = "|", body;
  for (const PrintedColumn& column : columns) {
    head += fmt::format(" {} |", pad(column.heading, column.width(), column.numeric()));
    rule += fmt::format(" {:-<{}}{} |", "", column.width() - 1, column.numeric() ? ":" : "-");
  }
  for (std::size_t row = 0; row < num_rows; ++row) {
    body += "|";
    for (const PrintedColumn& column : columns) {
      body += fmt::format(" {} |", pad(column.texts[row], column.width(), column.numeric()));
    }
    body += "\n";
  }
  return head + "\n" + rule + "\n" + body;
}

}  // namespace

std::string render_markdown(const Table& table) {
  std::vector<PrintedColumn> columns;
  std::vector<std::string> shared;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    if (column.shown == Shown::in_data) continue;
    PrintedColumn printed;
    printed.heading = escape_markdown(
        column.unit.empty() ? column.heading : fmt::format("{}, {}", column.heading, column.unit));
    for (const std::vector<Field>& row : table.rows) {
      printed.texts.push_back(text_of(row.at(i), column.decimals));
    }
    if (column.shown == Shown::where_it_varies && !table.rows.empty() && printed.uniform()) {
      if (!printed.texts.front().empty()) {
        shared.push_back(printed.heading + ": " + printed.texts.front());
      }
    } else {
      columns.push_back(std::move(printed));
    }
  }
  std::string out = "## " + escape_markdown(table.title) + "\n\n";
  if (!shared.empty()) out += fmt::format("{}\n\n", fmt::join(shared, " · "));
  out += table.rows.empty() ? "No rows.\n" : render_grid(columns, table.rows.size());
  if (!table.notes.empty()) out += "\n";
  for (const std::string& note : table.notes) out += "- " + escape_markdown(note) + "\n";
  return out;
}

}  // namespace dsabench
