#pragma once
/// Vega specifications: what the figures' have in common. Private to results/. Colours are the
/// page's variables, so that one drawing serves light, dark and print.
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "results/report/html/figure.h"

namespace dsabench::report {

/// A drawing of its text's marks, axes and scales. The first data set is the panel's rows.
nlohmann::json chart(std::string_view text);
/// A part of the specification with this name, of "scales", "data" or "marks".
nlohmann::json& part(nlohmann::json& spec, const char* kind, const char* name);

/// Adds to a data set how far a value reaches: to the ends of its interval, or itself where it has
/// none. Scales are over these: of a field that no row has, Vega has no extent.
void add_reach(nlohmann::json& data, const char* value, const char* low, const char* high,
               const char* reach_low, const char* reach_high);

/// Scales "colour" and "shape" of series.
void set_series(nlohmann::json& spec, const SeriesNames& names,
                const std::vector<std::string>& series);
/// The series among `series` in the order of all, as a legend of symbols on lines.
std::vector<LegendEntry> series_legend(const SeriesNames& names,
                                       const std::set<std::string>& series);

/// A number along contexts, a line for each series: columns context_tokens, series, source
/// ("published": hollow and dashed), and those named.
struct ContextLines {
  const char* value;
  const char* low = nullptr;  ///< with `high`: error bars
  const char* high = nullptr;
  const char* title;      ///< of the axis
  const char* format;     ///< of values, as d3-format reads it
  double reference = -1;  ///< a dashed line; below 0: none
  bool from_zero = false;
};
nlohmann::json context_lines(const ContextLines& lines);

}  // namespace dsabench::report
