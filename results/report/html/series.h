#pragma once
/// Patterns as series of figures: one name, colour and shape in the whole report. Private to
/// results/.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "results/store.h"

namespace dsabench::report {

/// F layers of a pattern.
std::int64_t num_full(const std::string& pattern);

class SeriesNames {
 public:
  explicit SeriesNames(const std::vector<RunResults>& runs);

  /// "1/4" for a uniform pattern, else how it was chosen and its F layers: "searched 12/47", with a
  /// letter where several patterns would share that; "1" for all layers Full.
  const std::string& of(const PlannedCell& planned) const;
  /// All names, by falling share of F layers.
  const std::vector<std::string>& all() const { return names_; }
  /// Position in the palette of the page; below kNumColours.
  std::size_t colour(const std::string& name) const;

  static constexpr std::size_t kNumColours = 8;

 private:
  std::map<std::string, std::string> by_pattern_;  ///< by base name and pattern
  std::vector<std::string> names_;
  std::map<std::string, std::size_t> colours_;
};

/// "var(--series-3)": a colour of the page, in light and dark.
std::string series_colour(std::size_t index);
/// A symbol of Vega that goes with it.
const char* series_shape(std::size_t index);

}  // namespace dsabench::report
