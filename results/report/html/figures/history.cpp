#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "results/report/fields.h"
#include "results/report/html/chart.h"
#include "results/statistics/change_point.h"
#include "vega_specs.h"

namespace dsabench::report {
namespace {

/// Fewer runs are no history.
constexpr std::size_t kFewestRuns = 4;

struct Series {
  const MetricHistory* history = nullptr;
  std::string title;
  std::vector<ChangePoint> changes;
};

std::string commit_of(const HistoryPoint& point) {
  const auto build = nlohmann::json::parse(point.build_json, nullptr, false);
  const bool known =
      build.is_object() && build.contains("git_commit") && build["git_commit"].is_string();
  return known ? build["git_commit"].get<std::string>().substr(0, 10) : std::string();
}

std::string title_of(const MetricHistory& history, bool several_machines) {
  const CellRecord& cell = history.cell;
  const auto full = std::count(cell.pattern.begin(), cell.pattern.end(), 'F');
  std::string title =
      fmt::format("{}, {} {}, {} tokens, {}/{} F, {}", cell.model, cell.device_kind, cell.dtype,
                  context_text(cell.context_tokens), full, cell.pattern.size(), history.metric);
  if (cell.batch != 1) title += fmt::format(", batch {}", cell.batch);
  if (several_machines) title += fmt::format(", machine {}", history.machine_id.substr(0, 8));
  return title;
}

/// On logarithms: a level is a factor.
std::vector<ChangePoint> changes_in(const MetricHistory& history) {
  std::vector<double> logarithms;
  for (const HistoryPoint& point : history.points) {
    if (!(point.median > 0)) return {};
    logarithms.push_back(std::log(point.median));
  }
  return find_change_points(logarithms);
}

std::vector<Series> series_of(const ReportInput& input) {
  std::set<std::string> machines;
  for (const MetricHistory& history : input.histories) machines.insert(history.machine_id);
  std::vector<Series> all;
  for (const MetricHistory& history : input.histories) {
    if (history.points.size() < kFewestRuns) continue;
    all.push_back({&history, title_of(history, machines.size() > 1), changes_in(history)});
  }
  // What changed is looked at first; then what was measured most often.
  std::stable_sort(all.begin(), all.end(), [](const Series& a, const Series& b) {
    return std::pair(a.changes.size(), a.history->points.size()) >
           std::pair(b.changes.size(), b.history->points.size());
  });
  std::map<std::string, int> titles;  // cells may differ in what the title does not say
  for (Series& series : all) {
    const int count = ++titles[series.title];
    if (count > 1) series.title += fmt::format(" ({})", count);
  }
  return all;
}

nlohmann::json history_spec() {
  return chart(embedded::vega_specs::report_html_figures_history_json);
}

}  // namespace

Figure history_figure(const FigureInput& from) {
  Figure figure;
  figure.id = "history";
  figure.title = "History";
  figure.table.name = "history";
  figure.table.title = figure.title;
  figure.table.columns = {{"panel", "cell and metric", "", 0},
                          {"cell_id", "cell", "", 0, Shown::in_data},
                          {"metric", "metric", "", 0, Shown::in_data},
                          {"machine_id", "machine", "", 0, Shown::in_data},
                          {"run_id", "run", "", 0, Shown::in_data},
                          {"started_ms", "started", "ms", 0, Shown::in_data},
                          {"started", "started (UTC)", "", 0},
                          {"commit", "commit", "", 0},
                          {"samples", "samples", "", 0},
                          {"median_ms", "median", "ms", 4},
                          {"change_percent", "new level", "%", 1},
                          {"change_p", "p", "", 4}};
  const std::vector<Series> all = series_of(from.input);
  if (all.empty()) {
    figure.missing = fmt::format(
        "No cell was measured in {} runs on one machine: dsabench run with the same options, "
        "after each change",
        kFewestRuns);
    return figure;
  }
  std::int64_t num_changes = 0;
  const std::string spec = history_spec().dump();
  for (const Series& series : all) {
    const MetricHistory& history = *series.history;
    for (std::size_t i = 0; i < history.points.size(); ++i) {
      const HistoryPoint& point = history.points[i];
      const auto change = std::find_if(
          series.changes.begin(), series.changes.end(),
          [i](const ChangePoint& other) { return other.position == static_cast<std::int64_t>(i); });
      const bool changed = change != series.changes.end();
      if (changed) ++num_changes;
      figure.table.rows.push_back(
          {series.title, history.cell.cell_id, history.metric, history.machine_id, point.run_id,
           point.started_ms, utc_text(point.started_ms), commit_of(point), point.num_samples,
           point.median / 1e6,
           changed ? Field(100.0 * (std::exp(change->after - change->before) - 1.0)) : Field(),
           changed ? Field(change->p) : Field()});
    }
    figure.panels.push_back({series.title, {series.title}, spec});
  }
  figure.text = fmt::format(
      "Medians of right cells over the database's runs on one machine, by start. A dashed line is "
      "a "
      "change point: from there on the level is another (permutation test of the largest "
      "E-divisive split of the logarithms, alpha {}); beside it stands by how much. {} in {} "
      "series. Runs one after the other drift: what a change is due to is for dsabench ab to say.",
      ChangePointOptions().alpha,
      num_changes == 1 ? std::string("One was found") : fmt::format("{} were found", num_changes),
      all.size());
  limit_panels(figure, Keep::first);  // which changed most
  return figure;
}

}  // namespace dsabench::report
