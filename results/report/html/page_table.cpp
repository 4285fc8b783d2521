#include "results/report/html/page_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "results/report/formats.h"

namespace dsabench::report {
namespace {

using nlohmann::json;

json value_of(const Field& field) {
  if (const auto* text = std::get_if<std::string>(&field)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&field)) return *number;
  const auto* real = std::get_if<double>(&field);
  if (real != nullptr && std::isfinite(*real)) return rounded(*real);
  return nullptr;
}

/// Texts that repeat are written once.
void put_values(json& column, const std::vector<json>& values) {
  const bool same =
      !values.empty() &&
      std::all_of(values.begin(), values.end(), [&](const json& v) { return v == values.front(); });
  if (same) {
    column["same"] = values.front();
    return;
  }
  std::map<std::string, std::size_t> places;
  json texts = json::array(), at = json::array();
  bool all_texts = true;
  for (const json& value : values) {
    all_texts = all_texts && value.is_string();
    if (!all_texts) break;
    const auto [found, added] = places.emplace(value.get<std::string>(), places.size());
    if (added) texts.push_back(value);
    at.push_back(found->second);
  }
  if (all_texts && 2 * texts.size() <= values.size()) {
    column["texts"] = std::move(texts);
    column["at"] = std::move(at);
  } else {
    column["values"] = values;
  }
}

}  // namespace

double rounded(double value) { return std::strtod(fmt::format("{:.7g}", value).c_str(), nullptr); }

json page_table(const Table& table, const std::set<std::string>& also) {
  json made = {{"name", table_name(table)},
               {"title", table.title},
               {"notes", table.notes},
               {"num_rows", table.rows.size()},
               {"columns", json::array()}};
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    if (column.shown == Shown::in_markdown) continue;
    json& entry = made["columns"].emplace_back(json{{"key", column.key},
                                                    {"heading", column.heading},
                                                    {"unit", column.unit},
                                                    {"decimals", column.decimals}});
    std::vector<json> values;
    for (const auto& row : table.rows) values.push_back(value_of(row.at(i)));
    put_values(entry, values);
    const bool empty = entry.contains("same") && entry["same"].is_null();
    const bool varies = !entry.contains("same") || values.size() < 2;
    entry["shown"] = !empty && (column.shown == Shown::everywhere || also.count(column.key) != 0 ||
                                (column.shown == Shown::where_it_varies && varies));
  }
  return made;
}

}  // namespace dsabench::report
