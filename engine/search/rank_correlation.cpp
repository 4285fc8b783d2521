#include "engine/search/rank_correlation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// Twice the rank of each value, from 0 on: whole numbers, also where ranks are shared.
std::vector<double> doubled_ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = double(begin + end - 1);
    begin = end;
  }
  return ranks;
}

}  // namespace

std::optional<double> rank_correlation(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size()) {
    throw InvalidArgument(fmt::format("rank correlation of {} and {} values", a.size(), b.size()));
  }
  const auto is_nan = [](double value) { return std::isnan(value); };
  if (std::any_of(a.begin(), a.end(), is_nan) || std::any_of(b.begin(), b.end(), is_nan)) {
    throw InvalidArgument("rank correlation of a value that is not a number");
  }
  if (a.empty()) return std::nullopt;
  const std::vector<double> ranks_a = doubled_ranks(a), ranks_b = doubled_ranks(b);
  const double mean = double(a.size() - 1);
  double both = 0.0, only_a = 0.0, only_b = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    both += (ranks_a[i] - mean) * (ranks_b[i] - mean);
    only_a += (ranks_a[i] - mean) * (ranks_a[i] - mean);
    only_b += (ranks_b[i] - mean) * (ranks_b[i] - mean);
  }
  if (only_a == 0.0 || only_b == 0.0) return std::nullopt;
  return both / std::sqrt(only_a * only_b);
}

}  // namespace dsabench
