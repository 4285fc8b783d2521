#pragma once
/// Fields of a table's row by the column's key.
#include <cmath>
#include <cstdint>
#include <string>

#include "kernels/base/error.h"
#include "results/report/table.h"
#include "tests/results/close.h"

namespace dsabench::test {

/// Throws InvalidArgument where there is no such column.
inline const Field& field(const Table& table, std::size_t row, const std::string& key) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].key == key) return table.rows.at(row).at(i);
  }
  throw InvalidArgument("no column " + key);
}
/// NaN where the field is no double.
inline double number(const Table& table, std::size_t row, const std::string& key) {
  const double* value = std::get_if<double>(&field(table, row, key));
  return value ? *value : std::nan("");
}
inline std::int64_t integer(const Table& table, std::size_t row, const std::string& key) {
  return std::get<std::int64_t>(field(table, row, key));
}
/// Empty where the field is no text.
inline std::string text(const Table& table, std::size_t row, const std::string& key) {
  const std::string* value = std::get_if<std::string>(&field(table, row, key));
  return value ? *value : "";
}
inline bool absent(const Table& table, std::size_t row, const std::string& key) {
  return std::holds_alternative<std::monostate>(field(table, row, key));
}

inline std::string notes_of(const Table& table) {
  std::string all;
  for (const std::string& note : table.notes) all += note + "\n";
  return all;
}

}  // namespace dsabench::test
