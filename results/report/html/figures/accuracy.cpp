#include <fmt/format.h>

#include <algorithm>

#include "results/report/html/chart.h"
#include "vega_specs.h"

namespace dsabench::report {
namespace {

nlohmann::json accuracy_spec(std::size_t num_tasks, std::size_t num_series) {
  nlohmann::json spec = chart(embedded::vega_specs::report_html_figures_accuracy_json);
  spec["height"] = std::max<std::size_t>(50, num_tasks * (10 + 11 * num_series));
  return spec;
}

struct Drawn {
  std::string title;
  std::set<std::string> tasks, series;
};

}  // namespace

Figure accuracy_figure(const FigureInput& from) {
  Figure figure;
  figure.id = "accuracy";
  figure.title = "Accuracy by suite, task and pattern";
  figure.table.name = "accuracy";
  figure.table.title = figure.title;
  figure.table.columns = {{"panel", "drawing", "", 0, Shown::in_data},
                          {"run", "run", "", 0},
                          {"setting", "setting", "", 0},
                          {"suite", "suite", "", 0},
                          {"context_tokens", "context", "tokens", 0},
                          {"task", "task", "", 0},
                          {"series", "retention", "", 0},
                          {"pattern", "pattern", "", 0, Shown::in_data},
                          {"items", "items", "", 0},
                          {"score", "score × 100", "", 1},
                          {"score_low", "95 % low", "", 1},
                          {"score_high", "95 % high", "", 1},
                          {"accuracy", "accuracy", "", 0, Shown::in_data}};
  std::vector<Drawn> panels;
  std::set<std::string> all_series;
  bool synthetic = false;
  for (const ScoreMeasurement& made : from.measured.scores) {
    const CellRecord& cell = made.planned->cell;
    const RunRecord& run = from.input.runs[made.run].run;
    const std::string title =
        fmt::format("{}: {} at {} tokens", panel_title(from, made.run, made.setting), cell.suite,
                    context_text(cell.context_tokens));
    auto panel = std::find_if(panels.begin(), panels.end(),
                              [&](const Drawn& drawn) { return drawn.title == title; });
    if (panel == panels.end()) panel = panels.insert(panel, {title, {}, {}});
    panel->tasks.insert(made.task);
    panel->series.insert(made.series);
    all_series.insert(made.series);
    synthetic |= run.synthetic_weights;
    figure.table.rows.push_back({title, run_label(made.run), made.setting, cell.suite,
                                 cell.context_tokens, made.task, made.series, cell.pattern,
                                 made.num_items, made.score, made.low, made.high,
                                 run.synthetic_weights ? Field("chance") : Field()});
    figure.commands.insert(run.command_line);
  }
  if (panels.empty()) {
    figure.missing =
        "No run has right cells with answers: dsabench run --suite ruler-synth (or facts)";
    return figure;
  }
  figure.text =
      "Mean scores over the items of each task with 95 % Wilson intervals; the interval of a mean "
      "over tasks is put together from those of its tasks. Scores of different patterns are of "
      "the same items: their difference is surer than two overlapping intervals look (dsabench "
      "compare pairs them).";
  if (synthetic) {
    figure.text +=
        " Weights of at least one run are generated: its accuracy is chance and says nothing about "
        "patterns.";
  }
  figure.legend = series_legend(from.names, all_series);
  for (const Drawn& panel : panels) {
    nlohmann::json spec = accuracy_spec(panel.tasks.size(), panel.series.size());
    std::vector<std::string> order;
    for (const LegendEntry& entry : figure.legend) {
      if (panel.series.count(entry.label) != 0) order.push_back(entry.label);
    }
    set_series(spec, from.names, order);
    part(spec, "scales", "inner")["domain"] = order;
    figure.panels.push_back({panel.title, {panel.title}, spec.dump()});
  }
  limit_panels(figure);
  return figure;
}

}  // namespace dsabench::report
