#include <fmt/format.h>

#include <algorithm>

#include "results/report/html/chart.h"

namespace dsabench::report {

Figure roofline_figure(const FigureInput& from) {
  Figure figure;
  figure.id = "roofline";
  figure.title = "Share of the machine's ceilings";
  figure.table.name = "roofline";
  figure.table.title = figure.title;
  figure.table.columns = {{"panel", "drawing", "", 0, Shown::in_data},
                          {"source", "source", "", 0, Shown::in_data},
                          {"run", "run", "", 0},
                          {"setting", "setting", "", 0},
                          {"phase", "phase", "", 0},
                          {"context_tokens", "context", "tokens", 0},
                          {"series", "retention", "", 0},
                          {"matrix_percent", "matrix work at ceiling", "%", 1}};
  std::set<std::string> series;
  std::vector<std::string> panels;
  const PhaseMeasurement *best = nullptr, *worst = nullptr;
  for (const PhaseMeasurement& made : from.measured.phases) {
    if (!made.matrix_percent) continue;
    const std::string panel =
        fmt::format("{}: {}", panel_title(from, made.run, made.setting), made.phase);
    if (std::find(panels.begin(), panels.end(), panel) == panels.end()) panels.push_back(panel);
    figure.table.rows.push_back({panel, "measured", run_label(made.run), made.setting, made.phase,
                                 made.planned->cell.context_tokens, made.series,
                                 *made.matrix_percent});
    series.insert(made.series);
    figure.commands.insert(from.input.runs[made.run].run.command_line);
    if (best == nullptr || *made.matrix_percent > *best->matrix_percent) best = &made;
    if (worst == nullptr || *made.matrix_percent < *worst->matrix_percent) worst = &made;
  }
  if (panels.empty()) {
    figure.missing =
        "No run has a right cell with its machine's ceilings: dsabench run measures them unless "
        "--no-ceilings says otherwise";
    return figure;
  }
  figure.text = fmt::format(
      "The share of the measured time that a cell's matrix products would take at the best matrix "
      "rate that the same process measured on its machine. The rest is what is no product (top-k, "
      "gathers, memory traffic) or slower than it could be: a decode step reads far more than it "
      "multiplies. From {:.1f} % ({}) to {:.1f} % ({}).",
      *worst->matrix_percent, worst->phase, *best->matrix_percent, best->phase);
  figure.legend = series_legend(from.names, series);
  nlohmann::json spec = context_lines({.value = "matrix_percent",
                                       .title = "matrix work at ceiling, % of time",
                                       .format = ".3~g",
                                       .from_zero = true});
  std::vector<std::string> order;
  for (const LegendEntry& entry : figure.legend) order.push_back(entry.label);
  set_series(spec, from.names, order);
  for (const std::string& title : panels) {
    figure.panels.push_back({title, {title}, spec.dump()});
  }
  limit_panels(figure);
  return figure;
}

}  // namespace dsabench::report
