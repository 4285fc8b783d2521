#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "results/report/html/chart.h"
#include "results/report/html/series.h"
#include "vega_specs.h"

namespace dsabench::report {
namespace {

/// The method that an all-Full pattern stands under is the one with no Shared layer.
bool is_baseline(const SearchedPattern& found) { return is_all_full(found.pattern); }

/// A search has no cell that names its model: what other runs call it, or its identity.
std::string model_of(const ReportInput& input, const RunRecord& run) {
  for (const auto* runs : {&input.runs, &input.overlaps}) {
    for (const RunResults& other : *runs) {
      if (other.run.model_id == run.model_id && !other.plan.empty()) {
        return other.plan.front().cell.model;
      }
    }
  }
  return "model " + run.model_id.substr(0, 8);
}

std::string setting_of(const ReportInput& input, const SearchOfRun& search) {
  const auto settings = nlohmann::json::parse(search.search.settings_json, nullptr, false);
  const auto text = [&settings](const char* key) {
    if (!settings.is_object() || !settings.contains(key)) return std::string("?");
    const nlohmann::json& value = settings[key];
    return value.is_string() ? value.get<std::string>()
                             : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  };
  return fmt::format("{}, {} at {} tokens", model_of(input, search.run), text("suite"),
                     text("context_tokens"));
}

nlohmann::json search_spec(const std::vector<LegendEntry>& methods) {
  nlohmann::json spec = chart(embedded::vega_specs::report_html_figures_search_json);
  nlohmann::json domain = nlohmann::json::array(), colours = domain, shapes = domain;
  for (const LegendEntry& entry : methods) {
    domain.push_back(entry.label);
    colours.push_back(entry.colour);
    shapes.push_back(entry.shape);
  }
  for (const char* name : {"colour", "shape"}) {
    nlohmann::json& scale = part(spec, "scales", name);
    scale["domain"] = domain;
    scale["range"] = name == std::string("colour") ? colours : shapes;
  }
  return spec;
}

/// Appends the rows of one set of questions and returns the methods that they are of.
std::set<std::string> append_rows(Table& table, const SearchOfRun& search, std::int64_t set,
                                  const std::string& panel) {
  std::set<std::string> methods;
  const auto append = [&](const char* kind, const std::string& method, Field step, Field layer,
                          std::int64_t full, double loss, const std::string& pattern,
                          const Field& given_up) {
    table.rows.push_back({panel, search.run.run_id, set + 1, method, std::string(kind),
                          std::move(step), std::move(layer), full, loss, given_up, pattern});
  };
  for (const SearchedFlip& flip : search.search.flips) {
    if (flip.calibration != set) continue;
    std::string pattern = flip.from_pattern;
    const auto layer = static_cast<std::size_t>(flip.layer);
    if (layer < pattern.size()) pattern[layer] = 'S';
    append(flip.kept ? "kept" : "tried", flip.method, flip.step, flip.layer, num_full(pattern),
           flip.loss, pattern, flip.given_up ? Field("yes") : Field());
    methods.insert(flip.method);
  }
  for (const SearchedPattern& found : search.search.patterns) {
    if (found.calibration != set) continue;
    append(is_baseline(found) ? "all Full" : "found", found.method, Field(), Field(),
           num_full(found.pattern), found.loss, found.pattern, Field());
    if (!is_baseline(found)) methods.insert(found.method);
  }
  return methods;
}

}  // namespace

Figure search_figure(const FigureInput& from) {
  Figure figure;
  figure.id = "search";
  figure.title = "Search for patterns";
  figure.table.name = "search";
  figure.table.title = figure.title;
  figure.table.columns = {{"panel", "drawing", "", 0, Shown::in_data},
                          {"search", "search", "", 0, Shown::in_data},
                          {"set", "set", "", 0},
                          {"method", "method", "", 0},
                          {"kind", "kind", "", 0},
                          {"step", "step", "", 0},
                          {"layer", "layer made Shared", "", 0},
                          {"full_layers", "F layers", "", 0},
                          {"loss", "loss", "", 5},
                          {"given_up", "given up", "", 0, Shown::in_data},
                          {"pattern", "pattern", "", 0}};
  if (from.input.searches.empty()) {
    figure.missing = "The database has no search: dsabench search";
    return figure;
  }
  std::set<std::string> methods;
  bool synthetic = false;
  for (const SearchOfRun& search : from.input.searches) {
    for (const std::int64_t set : {0, 1}) {
      const std::string title = fmt::format(
          "{}{}{}", setting_of(from.input, search), set == 0 ? "" : ", second set of questions",
          from.input.searches.size() > 1 ? ", " + search.run.run_id : "");
      const std::size_t before = figure.table.rows.size();
      methods.merge(append_rows(figure.table, search, set, title));
      if (figure.table.rows.size() > before) figure.panels.push_back({title, {title}, ""});
    }
    synthetic |= search.run.synthetic_weights;
    figure.commands.insert(search.run.command_line);
  }
  for (const std::string& method : methods) {
    const std::size_t index = 1 + figure.legend.size() % (SeriesNames::kNumColours - 1);
    figure.legend.push_back({method, series_colour(index), series_shape(index)});
  }
  for (Panel& panel : figure.panels) panel.spec = search_spec(figure.legend).dump();
  figure.legend.push_back({"all Full", "var(--series-0)", "line", false, true});
  figure.text =
      "Loss of the calibration questions against the number of Full layers. Small points are "
      "patterns that a search tried by making one more layer Shared, lines join the best that it "
      "kept, "
      "large hollow points are what each method found for a retention it was asked for.";
  if (synthetic) figure.text += " Weights are generated: these losses mean nothing.";
  limit_panels(figure);
  return figure;
}

}  // namespace dsabench::report
