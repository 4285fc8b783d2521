#include <fmt/format.h>

#include <cmath>
#include <set>

#include "results/report/formats.h"
#include "results/report/plain_text.h"

namespace dsabench::report {
namespace {

std::string quote(std::string_view text, char mark) {
  std::string out(1, mark);
  for (const char c : text) {
    if (c == mark) out += mark;
    out += c;
  }
  return out + mark;
}

/// Names come from our own titles and keys, but a title may hold a path.
std::string identifier(const std::string& name) {
  std::string safe;
  for_each_safe(name, [&safe](std::uint32_t value, std::string_view bytes) {
    safe += is_line_space(value) ? std::string_view(" ") : bytes;
  });
  return quote(safe, '"');
}

std::string literal(const Field& field) {
  if (const auto* text = std::get_if<std::string>(&field)) {
    if (is_clean(*text)) return quote(*text, '\'');
    std::string hex;
    for (const char c : *text) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return "CAST(x'" + hex + "' AS TEXT)";
  }
  const std::string number = data_text(field);
  return number.empty() ? "NULL" : number;
}

/// The narrowest type that holds the whole column.
const char* type_of(const Table& table, std::size_t column) {
  bool text = false, real = false, integer = false;
  for (const std::vector<Field>& row : table.rows) {
    text |= std::holds_alternative<std::string>(row.at(column));
    real |= std::holds_alternative<double>(row.at(column));
    integer |= std::holds_alternative<std::int64_t>(row.at(column));
  }
  if (text) return "TEXT";
  if (real) return "REAL";
  return integer ? "INTEGER" : "";
}

std::string unique_name(const Table& table, std::set<std::string>& used) {
  const std::string name = table_name(table);
  std::string unique = name;
  for (int suffix = 2; !used.insert(unique).second; ++suffix) {
    unique = fmt::format("{}_{}", name, suffix);
  }
  return identifier(unique);
}

}  // namespace

std::string render_sql(const std::vector<Table>& tables) {
  std::string out = "BEGIN;\n";
  std::set<std::string> used;
  for (const Table& table : tables) {
    const std::string name = unique_name(table, used);
    std::string columns;
    std::vector<std::size_t> shown;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      if (table.columns[i].shown == Shown::in_markdown) continue;
      const char* type = type_of(table, i);
      columns += fmt::format("{}\n  {}{}{}", shown.empty() ? "" : ",",
                             identifier(table.columns[i].key), *type ? " " : "", type);
      shown.push_back(i);
    }
    out += fmt::format("CREATE TABLE IF NOT EXISTS {} ({}\n);\n", name, columns);
    for (const std::vector<Field>& row : table.rows) {
      std::vector<std::string> values;
      for (const std::size_t i : shown) values.push_back(literal(row.at(i)));
      out += fmt::format("INSERT INTO {} VALUES ({});\n", name, fmt::join(values, ", "));
    }
  }
  return out + "COMMIT;\n";
}

}  // namespace dsabench::report
