#include "results/report/html/page_table.h"

#include <fmt/format.h>

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

/// The values one by one, or each once with the rows' places among them: what is shorter.
void put_values(json& column, const std::vector<json>& values) {
  std::map<std::string, std::size_t> places;  // by text as JSON
  json distinct = json::array(), at = json::array();
  std::size_t plain_length = 0, distinct_length = 0, places_length = 0;
  for (const json& value : values) {
    const std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
    const auto [found, added] = places.emplace(text, places.size());
    if (added) {
      distinct.push_back(value);
      distinct_length += text.size() + 1;
    }
    at.push_back(found->second);
    plain_length += text.size() + 1;
    places_length += std::to_string(found->second).size() + 1;
  }
  if (distinct.size() == 1) {
    column["same"] = distinct[0];
  } else if (distinct_length + places_length < plain_length) {
    column["distinct"] = std::move(distinct);
    column["at"] = std::move(at);
  } else {
    column["values"] = values;
  }
}

}  // namespace

double rounded(double value) { return std::strtod(fmt::format("{:.6g}", value).c_str(), nullptr); }

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
