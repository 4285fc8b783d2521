#include <fmt/format.h>

#include <algorithm>

#include "results/published/index_cache.h"
#include "results/report/fields.h"
#include "results/report/html/chart.h"

namespace dsabench::report {
namespace {

using published::Quantity;

constexpr const char* kPublished = "published";

std::vector<Column> columns() {
  return {{"panel", "drawing", "", 0, Shown::in_data},
          {"source", "source", "", 0, Shown::everywhere},
          {"run", "run", "", 0, Shown::everywhere},
          {"setting", "setting", "", 0, Shown::everywhere},
          {"phase", "phase", "", 0, Shown::everywhere},
          {"context_tokens", "context", "tokens", 0},
          {"series", "retention", "", 0},
          {"pattern", "pattern", "", 0, Shown::in_data},
          {"speedup", "speedup", "", 3},
          {"speedup_low", "95 % low", "", 3},
          {"speedup_high", "95 % high", "", 3},
          {"samples", "samples", "", 0}};
}

std::string published_panel(const std::string& phase) {
  return fmt::format("{}, {}", kPublished, phase);
}

/// How many times faster Table 1 has the retention: of rates, or of times.
std::optional<double> published_speedup(Quantity quantity, std::int64_t context,
                                        const char* retention) {
  const auto& paper = published::index_cache();
  const auto all = paper.speed_of(quantity, context, "1");
  const auto some = paper.speed_of(quantity, context, retention);
  if (!all || !some || !(*all > 0) || !(*some > 0)) return std::nullopt;
  return quantity == Quantity::prefill ? *all / *some : *some / *all;
}

void append_published(Figure& figure) {
  const auto& paper = published::index_cache();
  for (const Quantity quantity : {Quantity::prefill, Quantity::decode}) {
    const std::string phase = published::quantity_name(quantity);
    for (const auto& row : paper.speed) {
      if (row.quantity != quantity || row.retention == "1") continue;
      const auto value = published_speedup(quantity, row.context_tokens, row.retention.c_str());
      if (!value) continue;
      figure.table.rows.push_back(
          {published_panel(phase), kPublished, Field(),
           fmt::format("{}; {}", paper.setting.model, paper.setting.hardware), phase,
           row.context_tokens, row.retention, Field(), *value, Field(), Field(), Field()});
    }
  }
}

}  // namespace

Figure speedup_figure(const FigureInput& from) {
  Figure figure;
  figure.id = "speedup";
  figure.title = "Speedup against context";
  figure.table.name = "speedup";
  figure.table.title = figure.title;
  figure.table.columns = columns();
  std::set<std::string> series;
  std::vector<std::pair<std::string, std::string>> panels;  // title, phase
  const PhaseMeasurement* best = nullptr;
  for (const PhaseMeasurement& made : from.measured.phases) {
    if (!made.speedup) continue;
    const std::string panel =
        fmt::format("{}: {}", panel_title(from, made.run, made.setting), made.phase);
    if (std::find(panels.begin(), panels.end(), std::pair(panel, made.phase)) == panels.end()) {
      panels.emplace_back(panel, made.phase);
    }
    figure.table.rows.push_back(
        {panel, made.extrapolated ? "extrapolated" : "measured", run_label(made.run), made.setting,
         made.phase, made.planned->cell.context_tokens, made.series, made.planned->cell.pattern,
         *made.speedup, optional_field(made.speedup_bounds.low),
         optional_field(made.speedup_bounds.high), made.time.count});
    series.insert(made.series);
    figure.commands.insert(from.input.runs[made.run].run.command_line);
    if (best == nullptr || *made.speedup > *best->speedup) best = &made;
  }
  if (panels.empty()) {
    figure.missing =
        "No run has a right cell with Shared layers and the all-Full cell of the same "
        "configuration: dsabench run --retention 1,1/2,1/4";
    return figure;
  }
  append_published(figure);
  for (const char* retention : {"1/2", "1/4"}) series.insert(retention);
  const auto& paper = published::index_cache();
  figure.text = fmt::format(
      "How many times faster a prefill or a decode step is than with all layers Full: the ratio of "
      "medians, with its 95 % interval. The largest is {:.2f} ({}, {}, retention {}, {} tokens). "
      "Hollow points on dashed lines are {} of {}: {}, {}.",
      *best->speedup, panel_title(from, best->run, best->setting), best->phase, best->series,
      context_text(best->planned->cell.context_tokens), paper.speed_origin.source, paper.paper,
      paper.setting.model, paper.setting.hardware);
  figure.legend = series_legend(from.names, series);
  figure.legend.push_back({"published", "var(--series-0)", "circle", true, true});
  nlohmann::json spec = context_lines(
      {"speedup", "speedup_low", "speedup_high", "times faster than all Full", ".2f", 1.0});
  std::vector<std::string> order;
  for (const LegendEntry& entry : figure.legend) order.push_back(entry.label);
  order.pop_back();  // published is no series
  set_series(spec, from.names, order);
  for (const auto& [title, phase] : panels) {
    figure.panels.push_back({title, {title, published_panel(phase)}, spec.dump()});
  }
  limit_panels(figure);
  return figure;
}

}  // namespace dsabench::report
