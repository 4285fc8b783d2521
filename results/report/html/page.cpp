#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "kernels/base/error.h"
#include "report_page.h"
#include "results/report/html/escape.h"
#include "results/report/html/figure.h"
#include "results/report/html/page_table.h"
#include "results/report/html/report.h"
#include "results/report/html/summary.h"

namespace dsabench {
namespace {

using nlohmann::json;
using report::Figure;

json to_json(const report::LegendEntry& entry) {
  return {{"label", entry.label},
          {"colour", entry.colour},
          {"shape", entry.shape},
          {"hollow", entry.hollow},
          {"dashed", entry.dashed}};
}

json to_json(const Figure& figure) {
  json made = {{"id", figure.id}, {"title", figure.title}};
  if (!figure.missing.empty()) {
    made["missing"] = figure.missing;
    return made;
  }
  made["text"] = figure.text;
  made["commands"] = figure.commands;
  made["table"] = report::page_table(figure.table);
  made["legend"] = json::array();
  for (const report::LegendEntry& entry : figure.legend) made["legend"].push_back(to_json(entry));
  made["panels"] = json::array();
  for (const report::Panel& panel : figure.panels) {
    made["panels"].push_back(
        {{"title", panel.title}, {"rows", panel.rows}, {"spec", json::parse(panel.spec)}});
  }
  return made;
}

/// Columns of data that people want on the page too.
const std::set<std::string>& wanted_columns() {
  static const std::set<std::string> keys = {"prefill_ms",
                                             "decode_step_ms",
                                             "realised_retention",
                                             "full_layers",
                                             "score",
                                             "score_low",
                                             "score_high",
                                             "rate",
                                             "unit",
                                             "extrapolated_prefill_ms",
                                             "extrapolated_decode_step_ms"};
  return keys;
}

json tables_of(const ReportInput& input) {
  json tables = json::array();
  const auto add = [&](const Table& table) {
    if (!table.rows.empty()) tables.push_back(report::page_table(table, wanted_columns()));
  };
  for (const Table& table : input.verdicts) add(table);
  for (std::size_t run = 0; run < input.runs.size(); ++run) {
    for (auto* make : {speed_table, quality_table, ceilings_table}) {
      Table table = make(input.runs[run]);
      if (input.runs.size() > 1) {
        table.title += ", " + report::run_label(run);
        table.name += "_" + report::run_label(run);
      }
      add(table);
    }
  }
  return tables;
}

}  // namespace

std::string report_data(const ReportInput& input) {
  const report::SeriesNames names(input.runs);
  const report::Measured measured = report::measured(input, names);
  const report::FigureInput from{input, names, measured};
  json data = {{"made", report::utc_text(input.made_ms)},
               {"tool_version", input.tool_version},
               {"database", input.database},
               {"command_line", input.command_line},
               {"runs", report::page_table(report::summary_table(input, measured))},
               {"figures", json::array()},
               {"tables", tables_of(input)}};
  for (auto* make : {report::speedup_figure, report::stage_figure, report::roofline_figure,
                     report::accuracy_figure, report::front_figure, report::overlap_figure,
                     report::search_figure, report::history_figure}) {
    data["figures"].push_back(to_json(make(from)));
  }
  return report::script_json(data);
}

std::string report_page(const ReportInput& input) {
  if (input.runs.empty() && input.searches.empty() && input.overlaps.empty()) {
    throw InvalidArgument(input.database + ": no run with results to report on");
  }
  namespace page = embedded::report_page;
  return fmt::format(
      R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src '{vega_hash}' '{script_hash}'; style-src '{style_hash}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>dsabench report: {title}</title>
<style>{style}</style>
</head>
<body>
<noscript>This page draws its tables and figures with its own script, which is switched off here. The data are in the element with the id "data", as JSON.</noscript>
<main id="page"></main>
<details id="licences"><summary>Licences of the software in this page</summary>
<pre>{licences}</pre></details>
<script type="application/json" id="data">{data}</script>
<script>{vega}</script>
<script>{script}</script>
</body>
</html>
)",
      fmt::arg("vega_hash", report::content_security_hash(page::vega_js_sha256)),
      fmt::arg("script_hash", report::content_security_hash(page::report_html_page_js_sha256)),
      fmt::arg("style_hash", report::content_security_hash(page::report_html_style_css_sha256)),
      fmt::arg("title", report::escape_html(input.database)),
      fmt::arg("style", page::report_html_style_css),
      fmt::arg("licences", report::escape_html(std::string(page::copyright) + "\n" +
                                               std::string(page::report_html_d3_notice_txt))),
      fmt::arg("data", report_data(input)), fmt::arg("vega", page::vega_js),
      fmt::arg("script", page::report_html_page_js));
}

}  // namespace dsabench
