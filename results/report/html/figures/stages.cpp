#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "results/report/html/chart.h"
#include "vega_specs.h"

namespace dsabench::report {
namespace {

/// In the order of their bars; each with a colour of the page of its own: --stage-NAME.
constexpr std::array<const char*, 10> kStages = {
    "indexer_proj",   "indexer_score", "topk",      "sparse_attention",
    "attention_proj", "moe",           "dense_mlp", "norm_rope_quant",
    "lm_head",        "other"};

/// More would be no drawing to look at.
constexpr std::size_t kMaxBars = 48;

struct DrawnStages {
  std::string title;
  std::vector<std::size_t> rows;  ///< of the table, a bar each
};

std::size_t place_of(const std::string& stage) {
  const auto found = std::find(kStages.begin(), kStages.end(), stage);
  return static_cast<std::size_t>(found - kStages.begin());  // unknown ones last
}

std::string colour_of(const std::string& stage) {
  return place_of(stage) < kStages.size() ? fmt::format("var(--stage-{})", stage)
                                          : std::string("var(--stage-other)");
}

nlohmann::json stages_spec(const std::vector<std::string>& stages, std::size_t num_bars) {
  nlohmann::json spec = chart(embedded::vega_specs::report_html_figures_stages_json);
  nlohmann::json domain = nlohmann::json::array(), range = nlohmann::json::array();
  for (const std::string& stage : stages) {
    domain.push_back(stage);
    range.push_back(colour_of(stage));
  }
  part(spec, "signals", "stages")["value"] = domain;
  part(spec, "data", "rows")["transform"][0]["fields"] = domain;
  nlohmann::json& colour = part(spec, "scales", "colour");
  colour["domain"] = domain;
  colour["range"] = range;
  spec["height"] = 20 * std::max<std::size_t>(num_bars, 2);
  return spec;
}

std::vector<std::string> stages_of(const std::vector<const PhaseMeasurement*>& staged) {
  std::set<std::string> seen;
  for (const PhaseMeasurement* made : staged) {
    for (const auto& [stage, percent] : made->stage_percent) seen.insert(stage);
  }
  std::vector<std::string> stages(seen.begin(), seen.end());
  std::stable_sort(stages.begin(), stages.end(),
                   [](const auto& a, const auto& b) { return place_of(a) < place_of(b); });
  return stages;
}

}  // namespace

Figure stage_figure(const FigureInput& from) {
  Figure figure;
  figure.id = "stages";
  figure.title = "Where the time goes";
  figure.table.name = "stage_shares";
  figure.table.title = figure.title;
  figure.table.columns = {{"panel", "drawing", "", 0, Shown::in_data},
                          {"run", "run", "", 0},
                          {"setting", "setting", "", 0},
                          {"phase", "phase", "", 0},
                          {"context_tokens", "context", "tokens", 0},
                          {"series", "retention", "", 0},
                          {"bar", "bar", "", 0, Shown::in_data}};
  std::vector<const PhaseMeasurement*> staged;
  for (const PhaseMeasurement& made : from.measured.phases) {
    if (!made.stage_percent.empty()) staged.push_back(&made);
  }
  if (staged.empty()) {
    figure.missing = "No right speed cell has stage times: dsabench run stores them";
    return figure;
  }
  const auto order_of = [&](const PhaseMeasurement* made) {
    const auto& all = from.names.all();
    return std::tuple(made->run, made->setting, made->phase != "prefill",
                      made->planned->cell.context_tokens,
                      std::find(all.begin(), all.end(), made->series) - all.begin());
  };
  std::stable_sort(staged.begin(), staged.end(),
                   [&](const auto* a, const auto* b) { return order_of(a) < order_of(b); });
  const std::vector<std::string> stages = stages_of(staged);
  for (const std::string& stage : stages) {
    figure.table.columns.push_back({stage, stage, "%", 2});
  }
  std::vector<DrawnStages> panels;
  for (const PhaseMeasurement* made : staged) {
    const std::string title =
        fmt::format("{}: {}", panel_title(from, made->run, made->setting), made->phase);
    if (panels.empty() || panels.back().title != title) panels.push_back({title, {}});
    const std::int64_t context = made->planned->cell.context_tokens;
    const std::string bar = fmt::format("{} · {}", context_text(context), made->series);
    panels.back().rows.push_back(figure.table.rows.size());
    std::vector<Field>& row = figure.table.rows.emplace_back();
    row = {title, run_label(made->run), made->setting, made->phase, context, made->series, bar};
    row.resize(figure.table.columns.size());
    for (const auto& [stage, percent] : made->stage_percent) {
      const auto place = std::find(stages.begin(), stages.end(), stage) - stages.begin();
      row[row.size() - stages.size() + static_cast<std::size_t>(place)] = percent;
    }
    figure.commands.insert(from.input.runs[made->run].run.command_line);
  }
  for (const std::string& stage : stages) {
    figure.legend.push_back({stage, colour_of(stage), "area"});
  }
  const PhaseMeasurement& told = **std::max_element(
      staged.begin(), staged.end(), [](const PhaseMeasurement* a, const PhaseMeasurement* b) {
        return a->planned->cell.context_tokens < b->planned->cell.context_tokens;
      });
  figure.text = fmt::format(
      "Shares of all stages' time, a bar for each context and retention. indexer_proj, "
      "indexer_score and topk are the indexer's. At {} tokens with retention {} the largest in {} "
      "is {}, {:.0f} %.",
      context_text(told.planned->cell.context_tokens), told.series, told.phase,
      told.stage_percent.front().first, told.stage_percent.front().second);
  for (const DrawnStages& panel : panels) {
    const std::size_t num_bars = std::min(panel.rows.size(), kMaxBars);
    // Contexts rise: what is left out are the shortest.
    for (std::size_t i = 0; i + num_bars < panel.rows.size(); ++i) {
      figure.table.rows[panel.rows[i]].front() = Field();
    }
    if (num_bars < panel.rows.size()) {
      figure.text += fmt::format(" Of {} the last {} of {} bars are drawn; the table has all.",
                                 panel.title, num_bars, panel.rows.size());
    }
    figure.panels.push_back({panel.title, {panel.title}, stages_spec(stages, num_bars).dump()});
  }
  limit_panels(figure);
  return figure;
}

}  // namespace dsabench::report
