#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "results/overlap_record.h"
#include "results/report/html/chart.h"
#include "vega_specs.h"

namespace dsabench::report {
namespace {

constexpr std::size_t kMaxPatterns = 3;  ///< drawn on one matrix
constexpr std::size_t kShades = 8;       ///< of the page: --heat-0 to --heat-7

/// One stored matrix.
struct Matrix {
  const RunResults* results = nullptr;
  const CellRecord* cell = nullptr;
  std::int64_t num_layers = 0;
  std::vector<std::int64_t> ppm;  ///< [layers, layers]
};

/// A pattern whose blocks are drawn, and where it comes from.
struct Blocks {
  std::string origin, pattern;
};

std::vector<Matrix> matrices_of(const ReportInput& input) {
  std::vector<Matrix> all;
  for (const RunResults& results : input.overlaps) {
    for (const TrialRecord& trial : results.trials) {
      const std::vector<std::int64_t>& values = metric_values(trial, kOverlapMatrix);
      const auto layers = static_cast<std::int64_t>(std::llround(std::sqrt(values.size())));
      const auto planned = std::find_if(
          results.plan.begin(), results.plan.end(),
          [&](const PlannedCell& other) { return other.cell.cell_id == trial.cell_id; });
      if (layers == 0 || layers * layers != std::ssize(values) || planned == results.plan.end()) {
        continue;
      }
      all.push_back({&results, &planned->cell, layers, values});
    }
  }
  return all;
}

/// The best pattern that searches of the model found for each number of Full layers, fewest first;
/// where there is none, the patterns that were measured.
std::vector<Blocks> patterns_for(const FigureInput& from, const Matrix& matrix) {
  const std::string& model = matrix.results->run.model_id;
  std::map<std::int64_t, std::pair<double, Blocks>> best;
  const auto add = [&](double loss, const Blocks& blocks) {
    const bool fits = std::ssize(blocks.pattern) == matrix.num_layers;
    if (!fits || is_all_full(blocks.pattern) || blocks.pattern.front() != 'F') return;
    const std::int64_t full = std::count(blocks.pattern.begin(), blocks.pattern.end(), 'F');
    const auto found = best.find(full);
    if (found == best.end() || loss < found->second.first) best[full] = {loss, blocks};
  };
  for (const SearchOfRun& search : from.input.searches) {
    if (search.run.model_id != model) continue;
    for (const SearchedPattern& found : search.search.patterns) {
      if (found.calibration == 0) add(found.loss, {found.method, found.pattern});
    }
  }
  for (const RunResults& results : from.input.runs) {
    if (!best.empty() || results.run.model_id != model) continue;
    for (const PlannedCell& planned : results.plan) {
      add(0, {"measured, " + from.names.of(planned), planned.cell.pattern});
    }
  }
  std::vector<Blocks> patterns;
  for (const auto& [full, entry] : best) {
    if (patterns.size() < kMaxPatterns) patterns.push_back(entry.second);
  }
  return patterns;
}

/// Layers that use one layer's indices: [first, past).
nlohmann::json block_rows(const std::string& pattern) {
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t first = 0; first < pattern.size();) {
    std::size_t past = first + 1;
    while (past < pattern.size() && pattern[past] != 'F') ++past;
    rows.push_back({{"first", first}, {"past", past}});
    first = past;
  }
  return rows;
}

/// The shades part what there is: from the largest ten below the smallest share, in percent.
double lightest(const std::vector<Matrix>& matrices) {
  double least = 90;
  for (const Matrix& matrix : matrices) {
    const auto smallest = *std::min_element(matrix.ppm.begin(), matrix.ppm.end());
    least = std::min(least, 10 * std::floor(static_cast<double>(smallest) / 1e5));
  }
  return std::max(least, 0.0);
}

/// Some of the layers, each in the middle of its cells.
nlohmann::json layer_ticks(std::int64_t num_layers) {
  constexpr std::int64_t kMostTicks = 12;
  std::int64_t step = 1;
  for (const std::int64_t next : {2, 5, 10, 20, 50, 100}) {
    if (num_layers > kMostTicks * step) step = next;
  }
  nlohmann::json ticks = nlohmann::json::array();
  for (std::int64_t layer = 0; layer < num_layers; layer += step) {
    ticks.push_back(static_cast<double>(layer) + 0.5);
  }
  return ticks;
}

nlohmann::json overlap_spec(std::int64_t num_layers, double least, const std::string& pattern) {
  nlohmann::json spec = chart(embedded::vega_specs::report_html_figures_overlap_json);
  nlohmann::json shades = nlohmann::json::array();
  for (std::size_t i = 0; i < kShades; ++i) shades.push_back(fmt::format("var(--heat-{})", i));
  part(spec, "scales", "heat")["range"] = shades;
  part(spec, "scales", "heat")["domain"] = {least, 100};
  for (nlohmann::json& axis : spec["axes"]) axis["values"] = layer_ticks(num_layers);
  for (const char* axis : {"x", "y"}) part(spec, "scales", axis)["domain"] = {0, num_layers};
  part(spec, "data", "block_rows")["values"] = block_rows(pattern);
  return spec;
}

}  // namespace

Figure overlap_figure(const FigureInput& from) {
  Figure figure;
  figure.id = "overlap";
  figure.title = "Shared indices of layers";
  figure.table.name = "overlap";
  figure.table.title = figure.title;
  figure.table.columns = {{"panel", "matrix", "", 0, Shown::where_it_varies},
                          {"layer", "layer", "", 0},
                          {"other_layer", "other layer", "", 0},
                          {"percent", "indices in common", "%", 1}};
  const std::vector<Matrix> matrices = matrices_of(from.input);
  if (matrices.empty()) {
    figure.missing =
        "The database has no overlap matrix: dsabench overlap --db stores one (a sweep's cells "
        "keep only the mean over neighbour layers)";
    return figure;
  }
  bool any_blocks = false, synthetic = false;
  const double least = lightest(matrices);
  for (const Matrix& matrix : matrices) {
    const RunRecord& run = matrix.results->run;
    std::string name = fmt::format("{}, {} at {} tokens", matrix.cell->model, matrix.cell->suite,
                                   context_text(matrix.cell->context_tokens));
    if (matrices.size() > 1) name += ", " + run.run_id;
    for (std::int64_t a = 0; a < matrix.num_layers; ++a) {
      for (std::int64_t b = 0; b < matrix.num_layers; ++b) {
        const auto at = static_cast<std::size_t>(a * matrix.num_layers + b);
        figure.table.rows.push_back({name, a, b, static_cast<double>(matrix.ppm[at]) / 1e4});
      }
    }
    std::vector<Blocks> patterns = patterns_for(from, matrix);
    any_blocks |= !patterns.empty();
    synthetic |= run.synthetic_weights;
    if (patterns.empty()) patterns.push_back({"", ""});
    for (const Blocks& blocks : patterns) {
      const std::string title =
          blocks.pattern.empty()
              ? name
              : fmt::format("{}: {} ({} F)", name, blocks.origin,
                            std::count(blocks.pattern.begin(), blocks.pattern.end(), 'F'));
      figure.panels.push_back(
          {title, {name}, overlap_spec(matrix.num_layers, least, blocks.pattern).dump()});
    }
    figure.commands.insert(run.command_line);
  }
  for (std::size_t i = 0; i < kShades; ++i) {
    const double step = (100.0 - least) / kShades, low = least + step * static_cast<double>(i);
    figure.legend.push_back({fmt::format("{:.3g}–{:.3g} %", low, low + step),
                             fmt::format("var(--heat-{})", i), "area"});
  }
  figure.text =
      "How many of the selected tokens two layers have in common, mean over sampled rows, all "
      "layers Full.";
  if (any_blocks) {
    figure.text +=
        " Outlined are the blocks of a pattern: layers that use the indices of the block's first "
        "layer. Where the share is large a block loses little.";
    figure.legend.push_back({"blocks of the pattern", "var(--series-2)", "square", true});
  }
  if (synthetic) figure.text += " Weights are generated: so are their choices (--picks).";
  limit_panels(figure);
  return figure;
}

}  // namespace dsabench::report
