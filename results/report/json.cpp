#include <nlohmann/json.hpp>

#include "results/report/table.h"

namespace dsabench {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kReportSchemaVersion = 1;

Json to_json(const Field& field) {
  return std::visit(
      [](const auto& value) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::monostate>) {
          return nullptr;
        } else {
          return value;
        }
      },
      field);
}

Json to_json(const Table& table) {
  Json columns = Json::array(), rows = Json::array();
  for (const Column& column : table.columns) {
    if (column.shown == Shown::in_markdown) continue;
    columns.push_back({{"key", column.key}, {"heading", column.heading}, {"unit", column.unit}});
  }
  for (const std::vector<Field>& fields : table.rows) {
    Json row = Json::object();
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      if (table.columns[i].shown == Shown::in_markdown) continue;
      row[table.columns[i].key] = to_json(fields.at(i));
    }
    rows.push_back(std::move(row));
  }
  return {
      {"title", table.title}, {"columns", columns}, {"rows", rows}, {"notes", Json(table.notes)}};
}

}  // namespace

std::string render_json(const std::vector<Table>& tables) {
  Json document = {{"schema_version", kReportSchemaVersion}, {"tables", Json::array()}};
  for (const Table& table : tables) document["tables"].push_back(to_json(table));
  // Outputs of a model need not be UTF-8.
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace dsabench
