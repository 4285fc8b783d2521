#include "results/report/formats.h"
#include "results/report/plain_text.h"

namespace dsabench::report {
namespace {

bool is_formula(const std::string& text) {
  return !text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos;
}

std::string quote(const std::string& text) {
  std::string safe;
  bool after_return = false, quoted = false;
  for_each_safe(text, [&](std::uint32_t value, std::string_view bytes) {
    const bool second_of_crlf = value == '\n' && after_return;
    after_return = value == '\r';
    quoted |= value == '"' || value == ',' || value == '\n' || value == '\r';
    if (second_of_crlf) return;
    if (value == '"') {
      safe += "\"\"";
    } else if (value == '\n' || value == '\r') {
      safe += '\n';  // a bare carriage return would let a terminal overwrite the line
    } else if (is_line_space(value) && value != '\t') {
      safe += ' ';
    } else {
      safe += bytes;
    }
  });
  return quoted ? '"' + safe + '"' : safe;
}

std::string field_text(const Field& field) {
  const auto* text = std::get_if<std::string>(&field);
  if (text == nullptr) return data_text(field);
  return quote(is_formula(*text) ? "'" + *text : *text);
}

}  // namespace

std::string render_csv(const std::vector<Table>& tables) {
  std::string out;
  for (const Table& table : tables) {
    if (!out.empty()) out += "\r\n";
    const std::string name = field_text(table_name(table));
    out += "table";
    for (const Column& column : table.columns) {
      if (column.shown != Shown::in_markdown) out += "," + field_text(column.key);
    }
    out += "\r\n";
    for (const std::vector<Field>& row : table.rows) {
      out += name;
      for (std::size_t i = 0; i < table.columns.size(); ++i) {
        if (table.columns[i].shown != Shown::in_markdown) out += "," + field_text(row.at(i));
      }
      out += "\r\n";
    }
  }
  return out;
}

}  // namespace dsabench::report
