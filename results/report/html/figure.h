#pragma once
/// Figures of the report, each a table and drawings of its rows. Private to results/.
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "results/report/html/measured.h"

namespace dsabench::report {

/// One drawing: rows of its figure's table as marks.
struct Panel {
  std::string title;
  /// Values of the table's column "panel" whose rows it draws.
  std::vector<std::string> rows;
  /// A Vega specification, JSON; the page puts the rows into its first data set.
  std::string spec;
};

struct LegendEntry {
  std::string label, colour;
  std::string shape;  ///< Vega's symbol; "line"; "area"
  bool hollow = false, dashed = false;
};

struct Figure {
  std::string id, title;
  std::string text;  ///< what it shows and how to read it, with its main numbers
  Table table;       ///< its data; a column "panel" where it has panels
  std::vector<Panel> panels;
  std::vector<LegendEntry> legend;
  std::set<std::string> commands;  ///< that measured it
  std::string missing;             ///< why there is nothing to draw, and what would change that
};

/// What every figure is made from.
struct FigureInput {
  const ReportInput& input;
  const SeriesNames& names;
  const Measured& measured;
};
Figure speedup_figure(const FigureInput& from);
Figure stage_figure(const FigureInput& from);
Figure roofline_figure(const FigureInput& from);
Figure accuracy_figure(const FigureInput& from);
Figure front_figure(const FigureInput& from);
Figure overlap_figure(const FigureInput& from);
Figure search_figure(const FigureInput& from);
Figure history_figure(const FigureInput& from);

/// More drawings than this are left to the table.
inline constexpr std::size_t kMaxPanels = 12;
enum class Keep { most_rows, first };
/// Keeps so many panels, in their order, and says so in the figure's text.
void limit_panels(Figure& figure, Keep keep = Keep::most_rows);

/// "R1, demo, cpu f32": with the run where the report has several.
std::string panel_title(const FigureInput& from, std::size_t run, const std::string& setting);

}  // namespace dsabench::report
