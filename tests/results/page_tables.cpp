#include "tests/results/page_tables.h"

#include "kernels/base/error.h"

namespace dsabench::test {

using nlohmann::json;

ReportInput load_fixture(const ScratchFolder& folder, Random& random, bool hostile) {
  const std::string path = folder / "fixture.db";
  write_report_fixture(path, random, hostile);
  const ResultStore store = ResultStore::open(path, ResultStore::Mode::read_only);
  ReportInput input = load_report(store, runs_to_report(store));
  input.database = "fixture.db";
  input.command_line = "dsabench report --db fixture.db";
  input.tool_version = "0.1.0";
  input.made_ms = 1'790'400'000'000;
  return input;
}

const json& figure_of(const json& data, const std::string& id) {
  for (const json& figure : data.at("figures")) {
    if (figure.at("id") == id) return figure;
  }
  throw Error("no figure " + id);
}

/// A table of the page as rows of objects.
std::vector<json> rows_of(const json& table) {
  std::vector<json> rows(table.at("num_rows").get<std::size_t>(), json::object());
  for (const json& column : table.at("columns")) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      json& value = rows[i][column.at("key").get<std::string>()];
      if (column.contains("same")) value = column["same"];
      if (column.contains("values")) value = column["values"].at(i);
      if (column.contains("at"))
        value = column["distinct"].at(column["at"].at(i).get<std::size_t>());
    }
  }
  return rows;
}

}  // namespace dsabench::test
