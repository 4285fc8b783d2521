#include "results/report/html/series.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "results/report/cell_view.h"

namespace dsabench::report {
namespace {

/// Of which the first colours are always the same ones'.
constexpr std::array<const char*, 4> kUsual = {"1", "1/2", "1/4", "1/8"};

double share_of(const std::string& pattern) {
  if (pattern.empty()) return 0;
  return static_cast<double>(num_full(pattern)) / static_cast<double>(pattern.size());
}

std::string base_name(const PlannedCell& planned) {
  const std::string& pattern = planned.cell.pattern;
  if (is_all_full(pattern)) return "1";
  if (planned.pattern_origin == "uniform" && !planned.nominal_retention.empty()) {
    return planned.nominal_retention;
  }
  const std::string origin = planned.pattern_origin.empty() ? "pattern" : planned.pattern_origin;
  return fmt::format("{} {}/{}", origin, num_full(pattern), pattern.size());
}

std::string key_of(const std::string& name, const std::string& pattern) {
  return name + '\n' + pattern;
}

}  // namespace

std::int64_t num_full(const std::string& pattern) {
  return std::count(pattern.begin(), pattern.end(), 'F');
}

SeriesNames::SeriesNames(const std::vector<RunResults>& runs) {
  // Uniform patterns of models with other numbers of layers are one series; others are told apart.
  std::map<std::string, std::set<std::string>> patterns;
  std::map<std::string, double> shares;
  for (const RunResults& results : runs) {
    for (const PlannedCell& planned : results.plan) {
      patterns[base_name(planned)].insert(planned.cell.pattern);
    }
  }
  for (const auto& [name, sharing] : patterns) {
    const bool nominal = name.find(' ') == std::string::npos;
    std::size_t position = 0;
    for (const std::string& pattern : sharing) {
      std::string own = name;
      if (!nominal && sharing.size() > 1) {
        own += position < 26 ? fmt::format(" {}", static_cast<char>('a' + position))
                             : fmt::format(" {}", position + 1);
      }
      ++position;
      by_pattern_[key_of(name, pattern)] = own;
      shares.emplace(own, share_of(pattern));
    }
  }
  for (const auto& [name, share] : shares) names_.push_back(name);
  std::stable_sort(names_.begin(), names_.end(), [&](const std::string& a, const std::string& b) {
    return shares.at(a) > shares.at(b);
  });
  for (std::size_t i = 0; i < kUsual.size(); ++i) colours_[kUsual[i]] = i;
  std::size_t next = kUsual.size();
  for (const std::string& name : names_) {
    if (colours_.count(name) != 0) continue;
    colours_[name] = next;
    next = next + 1 < kNumColours ? next + 1 : kUsual.size();
  }
}

const std::string& SeriesNames::of(const PlannedCell& planned) const {
  return by_pattern_.at(key_of(base_name(planned), planned.cell.pattern));
}

std::size_t SeriesNames::colour(const std::string& name) const {
  const auto found = colours_.find(name);
  return found == colours_.end() ? kUsual.size() : found->second;
}

std::string series_colour(std::size_t index) { return fmt::format("var(--series-{})", index); }

const char* series_shape(std::size_t index) {
  constexpr std::array<const char*, SeriesNames::kNumColours> kShapes = {
      "circle", "square",        "triangle-up",    "diamond",
      "cross",  "triangle-down", "triangle-right", "triangle-left"};
  return kShapes.at(index);
}

}  // namespace dsabench::report
