#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "results/report/fields.h"
#include "results/report/html/chart.h"
#include "results/report/html/page_table.h"
#include "vega_specs.h"

namespace dsabench::report {
namespace {

/// A pattern by its speed and its score.
struct Point {
  const ScoreMeasurement* score = nullptr;
  double speedup = 1;
  Bounds bounds;
  bool on_front = true;  ///< none is at least as good in both and better in one
};

/// The points of one suite and phase.
struct DrawnFront {
  std::string title, phase;
  std::int64_t speed_context = 0;
  std::vector<Point> points;
};

/// Whether a time and a score are of the same model on the same kind of device.
bool is_alike(const FigureInput& from, const PhaseMeasurement& time,
              const ScoreMeasurement& score) {
  const CellRecord &timed = time.planned->cell, &scored = score.planned->cell;
  return from.input.runs[time.run].run.model_id == from.input.runs[score.run].run.model_id &&
         timed.model == scored.model && timed.device_kind == scored.device_kind &&
         timed.dtype == scored.dtype && timed.indexer_mode == scored.indexer_mode &&
         timed.picks == scored.picks;
}

/// The time of the score's pattern at the context, of the newest run that has it.
const PhaseMeasurement* time_of(const FigureInput& from, const ScoreMeasurement& score,
                                const std::string& phase, std::int64_t context) {
  for (const PhaseMeasurement& time : from.measured.phases) {
    const bool wanted = time.phase == phase && time.planned->cell.context_tokens == context &&
                        time.planned->cell.batch == 1 &&
                        time.planned->cell.pattern == score.planned->cell.pattern;
    if (wanted && is_alike(from, time, score) && (time.speedup || time.series == "1")) return &time;
  }
  return nullptr;
}

/// The longest context that has a speedup to go with the score; 0 for none.
std::int64_t speed_context(const FigureInput& from, const ScoreMeasurement& score,
                           const std::string& phase) {
  std::int64_t longest = 0;
  for (const PhaseMeasurement& time : from.measured.phases) {
    if (time.phase == phase && time.speedup && time.planned->cell.batch == 1 &&
        is_alike(from, time, score)) {
      longest = std::max(longest, time.planned->cell.context_tokens);
    }
  }
  return longest;
}

/// By the numbers that the table shows: means of the same answers may differ in their last bit.
void mark_front(std::vector<Point>& points) {
  for (Point& point : points) {
    const double speedup = rounded(point.speedup), score = rounded(point.score->score);
    for (const Point& other : points) {
      const double others_speedup = rounded(other.speedup);
      const double others_score = rounded(other.score->score);
      const bool no_worse = others_speedup >= speedup && others_score >= score;
      const bool better = others_speedup > speedup || others_score > score;
      if (no_worse && better) point.on_front = false;
    }
  }
}

std::vector<DrawnFront> drawings(const FigureInput& from) {
  std::vector<DrawnFront> all;
  for (const char* phase : {"prefill", "decode"}) {
    for (const ScoreMeasurement& score : from.measured.scores) {
      if (!score.is_mean) continue;
      const std::int64_t context = speed_context(from, score, phase);
      const PhaseMeasurement* time = context > 0 ? time_of(from, score, phase, context) : nullptr;
      if (time == nullptr) continue;
      const CellRecord& cell = score.planned->cell;
      const std::string title =
          fmt::format("{}: {} at {} tokens, {} at {}", panel_title(from, score.run, score.setting),
                      cell.suite, context_text(cell.context_tokens), phase, context_text(context));
      auto drawn = std::find_if(all.begin(), all.end(),
                                [&](const DrawnFront& other) { return other.title == title; });
      if (drawn == all.end()) drawn = all.insert(drawn, {title, phase, context, {}});
      drawn->points.push_back({&score, time->speedup.value_or(1.0), time->speedup_bounds});
    }
  }
  std::erase_if(all, [](const DrawnFront& drawn) { return drawn.points.size() < 2; });
  for (DrawnFront& drawn : all) mark_front(drawn.points);
  return all;
}

nlohmann::json front_spec() { return chart(embedded::vega_specs::report_html_figures_front_json); }

}  // namespace

Figure front_figure(const FigureInput& from) {
  Figure figure;
  figure.id = "front";
  figure.title = "Speed against quality";
  figure.table.name = "front";
  figure.table.title = figure.title;
  figure.table.columns = {{"panel", "drawing", "", 0, Shown::in_data},
                          {"suite", "suite", "", 0},
                          {"context_tokens", "context", "tokens", 0},
                          {"phase", "phase", "", 0},
                          {"speed_context_tokens", "speed at", "tokens", 0},
                          {"series", "retention", "", 0},
                          {"pattern", "pattern", "", 0, Shown::in_data},
                          {"speedup", "speedup", "", 3},
                          {"speedup_low", "95 % low", "", 3},
                          {"speedup_high", "95 % high", "", 3},
                          {"score", "score × 100", "", 1},
                          {"score_low", "95 % low", "", 1},
                          {"score_high", "95 % high", "", 1},
                          {"front", "on the front", "", 0}};
  const std::vector<DrawnFront> all = drawings(from);
  if (all.empty()) {
    figure.missing =
        "No two patterns have both a speedup and a score of one model on one kind of device: "
        "measure speed and a suite at the same --retention";
    return figure;
  }
  std::set<std::string> series;
  for (const DrawnFront& drawn : all) {
    for (const Point& point : drawn.points) series.insert(point.score->series);
  }
  figure.legend = series_legend(from.names, series);
  std::vector<std::string> order;
  for (const LegendEntry& entry : figure.legend) order.push_back(entry.label);
  nlohmann::json spec = front_spec();
  add_reach(part(spec, "data", "rows"), "speedup", "speedup_low", "speedup_high", "least_speedup",
            "most_speedup");
  set_series(spec, from.names, order);
  for (const DrawnFront& drawn : all) {
    for (const Point& point : drawn.points) {
      const ScoreMeasurement& score = *point.score;
      const CellRecord& cell = score.planned->cell;
      figure.table.rows.push_back({drawn.title, cell.suite, cell.context_tokens, drawn.phase,
                                   drawn.speed_context, score.series, cell.pattern, point.speedup,
                                   optional_field(point.bounds.low),
                                   optional_field(point.bounds.high), score.score, score.low,
                                   score.high, std::string(point.on_front ? "yes" : "no")});
      figure.commands.insert(from.input.runs[score.run].run.command_line);
      const PhaseMeasurement* time = time_of(from, score, drawn.phase, drawn.speed_context);
      figure.commands.insert(from.input.runs[time->run].run.command_line);
    }
    figure.panels.push_back({drawn.title, {drawn.title}, spec.dump()});
  }
  figure.text =
      "Each pattern by how many times faster it is than all Full at the longest context measured, "
      "and by its mean score, both with 95 % intervals. The dashed line joins the patterns that "
      "none beats in both.";
  for (const DrawnFront& drawn : all) {
    const bool chance = std::any_of(drawn.points.begin(), drawn.points.end(), [&](const Point& p) {
      return from.input.runs[p.score->run].run.synthetic_weights;
    });
    if (!chance) continue;
    figure.text +=
        " Where weights are generated scores are chance: the front then only shows how "
        "such a figure looks.";
    break;
  }
  limit_panels(figure);
  return figure;
}

}  // namespace dsabench::report
