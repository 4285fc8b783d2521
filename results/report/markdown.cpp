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
};

/// How a column's cells are padded.
struct Padding {
  bool numeric = false;  ///< numbers line up on the right
  std::size_t width = 3;

  explicit Padding(const PrintedColumn& column) {
    numeric = std::all_of(column.texts.begin(), column.texts.end(), [](const std::string& text) {
      return text.empty() || text[0] == '-' || (text[0] >= '0' && text[0] <= '9');
    });
    width = std::max(width, display_width(column.heading));
    for (const std::string& text : column.texts) width = std::max(width, display_width(text));
  }
  std::string of(const std::string& text) const {
    const std::string space(width - display_width(text), ' ');
    return numeric ? space + text : text + space;
  }
};

std::string render_grid(const std::vector<PrintedColumn>& columns, std::size_t num_rows) {
  std::string head = "|", rule = "|", body;
  std::vector<Padding> paddings;
  for (const PrintedColumn& column : columns) {
    const Padding& padding = paddings.emplace_back(column);
    head += fmt::format(" {} |", padding.of(column.heading));
    rule += fmt::format(" {:-<{}}{} |", "", padding.width - 1, padding.numeric ? ":" : "-");
  }
  for (std::size_t row = 0; row < num_rows; ++row) {
    body += "|";
    for (std::size_t i = 0; i < columns.size(); ++i) {
      body += fmt::format(" {} |", paddings[i].of(columns[i].texts[row]));
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
