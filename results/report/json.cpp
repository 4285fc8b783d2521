#include <nlohmann/json.hpp>

#include "results/report/formats.h"
#include "results/report/plain_text.h"

namespace dsabench {
namespace {

using report::kReportSchemaVersion;

using Json = nlohmann::ordered_json;

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

/// Appends a row's data columns.
void append_row(Json& object, const Table& table, const std::vector<Field>& fields) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].shown == Shown::in_markdown) continue;
    object[table.columns[i].key] = to_json(fields.at(i));
  }
}

/// Outputs of a model need not be UTF-8.
std::string dump_clean(const Json& json, int indent) {
  return report::escape_json_controls(
             json.dump(indent, ' ', false, Json::error_handler_t::replace)) +
         "\n";
}

Json to_json(const Table& table) {
  Json columns = Json::array(), rows = Json::array();
  for (const Column& column : table.columns) {
    if (column.shown == Shown::in_markdown) continue;
    columns.push_back({{"key", column.key}, {"heading", column.heading}, {"unit", column.unit}});
  }
  for (const std::vector<Field>& fields : table.rows) {
    Json row = Json::object();
    append_row(row, table, fields);
    rows.push_back(std::move(row));
  }
  return {
      {"title", table.title}, {"columns", columns}, {"rows", rows}, {"notes", Json(table.notes)}};
}

}  // namespace

std::string render_json(const std::vector<Table>& tables) {
  Json document = {{"schema_version", kReportSchemaVersion}, {"tables", Json::array()}};
  for (const Table& table : tables) document["tables"].push_back(to_json(table));
  return dump_clean(document, 2);
}

std::string report::render_jsonl(const std::vector<Table>& tables) {
  std::string out;
  for (const Table& table : tables) {
    for (const std::vector<Field>& fields : table.rows) {
      Json row = {{"table", table_name(table)}, {"schema_version", kReportSchemaVersion}};
      append_row(row, table, fields);
      out += dump_clean(row, -1);
    }
  }
  return out;
}

}  // namespace dsabench
