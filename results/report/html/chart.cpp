#include "results/report/html/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "kernels/base/error.h"
#include "vega_specs.h"

namespace dsabench::report {

using nlohmann::json;

json chart(std::string_view text) {
  json spec = json::parse(text);
  spec["$schema"] = "https://vega.github.io/schema/vega/v5.json";
  if (!spec.contains("width")) spec["width"] = 400;
  if (!spec.contains("height")) spec["height"] = 250;
  if (!spec.contains("autosize")) spec["autosize"] = {{"type", "fit"}, {"contains", "padding"}};
  spec["padding"] = 4;
  return spec;
}

json& part(json& spec, const char* kind, const char* name) {
  for (json& entry : spec.at(kind)) {
    if (entry.value("name", "") == name) return entry;
  }
  throw Error(fmt::format("a figure has no {} named {}", kind, name));
}

void set_series(json& spec, const SeriesNames& names, const std::vector<std::string>& series) {
  json domain = json::array(), colours = json::array(), shapes = json::array();
  for (const std::string& name : series) {
    domain.push_back(name);
    colours.push_back(series_colour(names.colour(name)));
    shapes.push_back(series_shape(names.colour(name)));
  }
  const auto ordinal = [&domain](const char* name, const json& range) {
    return json{{"name", name}, {"type", "ordinal"}, {"domain", domain}, {"range", range}};
  };
  spec["scales"].push_back(ordinal("colour", colours));
  spec["scales"].push_back(ordinal("shape", shapes));
}

std::vector<LegendEntry> series_legend(const SeriesNames& names,
                                       const std::set<std::string>& series) {
  std::vector<LegendEntry> legend;
  const auto add = [&](const std::string& name) {
    const std::size_t colour = names.colour(name);
    legend.push_back({name, series_colour(colour), series_shape(colour)});
  };
  for (const std::string& name : names.all()) {
    if (series.count(name) != 0) add(name);
  }
  const std::set<std::string> known(names.all().begin(), names.all().end());
  for (const std::string& name : series) {  // of published points alone
    if (known.count(name) == 0) add(name);
  }
  return legend;
}

void add_reach(json& data, const char* value, const char* low, const char* high,
               const char* reach_low, const char* reach_high) {
  const auto add = [&](const char* as, const char* end) {
    data["transform"].push_back(
        {{"type", "formula"},
         {"as", as},
         {"expr", fmt::format("datum.{0} == null ? datum.{1} : datum.{0}", end, value)}});
  };
  add(reach_low, low);
  add(reach_high, high);
}

json context_lines(const ContextLines& lines) {
  json spec = chart(embedded::vega_specs::report_html_figures_context_lines_json);
  // Where contexts were measured there are ticks, and nowhere else.
  spec["data"].push_back(
      {{"name", "contexts"},
       {"source", "rows"},
       {"transform",
        json::array({{{"type", "aggregate"}, {"groupby", json::array({"context_tokens"})}}})}});
  json& rows = part(spec, "data", "rows");
  json& y = part(spec, "scales", "y");
  y["domain"] = {{"data", "rows"}, {"fields", json::array({lines.value})}};
  y["zero"] = lines.from_zero;
  spec["axes"][1]["title"] = lines.title;
  spec["axes"][1]["format"] = lines.format;
  spec["axes"][0]["values"] = {{"signal", "pluck(data('contexts'), 'context_tokens')"}};
  part(spec, "marks", "points")["encode"]["update"]["y"]["field"] = lines.value;
  part(spec, "marks", "points")["encode"]["update"]["tooltip"] = {
      {"signal", fmt::format("datum.source + ', ' + datum.series + ', ' + "
                             "format(datum.context_tokens, ',') + ' tokens: ' + "
                             "format(datum.{}, '{}')",
                             lines.value, lines.format)}};
  spec["marks"][0]["marks"][0]["encode"]["update"]["y"]["field"] = lines.value;
  json& intervals = part(spec, "marks", "intervals");
  json& bounded = part(spec, "data", "bounded");
  if (lines.low != nullptr) {
    y["domain"]["fields"] = json::array({"reach_low", "reach_high"});
    add_reach(rows, lines.value, lines.low, lines.high, "reach_low", "reach_high");
    bounded["transform"][0]["expr"] = fmt::format("datum.{} != null", lines.low);
    intervals["encode"]["update"]["y"]["field"] = lines.low;
    intervals["encode"]["update"]["y2"]["field"] = lines.high;
  } else {
    bounded["transform"][0]["expr"] = "false";
  }
  if (lines.reference >= 0) {
    rows["transform"].push_back(
        {{"type", "formula"}, {"as", "reference"}, {"expr", fmt::format("{}", lines.reference)}});
    y["domain"]["fields"].push_back("reference");
    spec["marks"].insert(spec["marks"].begin(),
                         json{{"type", "rule"},
                              {"name", "reference"},
                              {"encode",
                               {{"update",
                                 {{"x", {{"value", 0}}},
                                  {"x2", {{"signal", "width"}}},
                                  {"y", {{"scale", "y"}, {"value", lines.reference}}},
                                  {"stroke", {{"value", "var(--series-0)"}}},
                                  {"strokeDash", {{"value", json::array({3, 3})}}}}}}}});
  }
  return spec;
}

void limit_panels(Figure& figure, Keep keep) {
  const std::size_t all = figure.panels.size();
  if (all <= kMaxPanels) return;
  std::map<Field, std::size_t> num_rows;  // by the column "panel", which is the first
  for (const auto& row : figure.table.rows) ++num_rows[row.front()];
  std::vector<std::size_t> order(all);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (keep == Keep::first) return false;
    const auto rows = [&](std::size_t i) { return num_rows[Field(figure.panels[i].rows.front())]; };
    return rows(a) > rows(b);
  });
  order.resize(kMaxPanels);
  std::sort(order.begin(), order.end());
  std::vector<Panel> kept;
  for (const std::size_t i : order) kept.push_back(std::move(figure.panels[i]));
  figure.panels = std::move(kept);
  figure.text +=
      fmt::format(" {} of {} drawings are shown; the table has the data of all.", kMaxPanels, all);
}

std::string panel_title(const FigureInput& from, std::size_t run, const std::string& setting) {
  if (from.input.runs.size() < 2) return setting;
  return fmt::format("{}, {}", run_label(run), setting);
}

}  // namespace dsabench::report
