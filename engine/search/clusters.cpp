#include "engine/search/clusters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

void check_matrix(std::int64_t num_layers, std::span<const double> matrix) {
  if (num_layers < 0 || std::ssize(matrix) != num_layers * num_layers) {
    throw InvalidArgument(
        fmt::format("clusters: {} values for {} layers", matrix.size(), num_layers));
  }
}

/// Ids anew, from 0 on in the order in which they come.
std::vector<std::int64_t> numbered(std::span<const std::int64_t> ids) {
  std::vector<std::int64_t> seen, numbers;
  for (const std::int64_t id : ids) {
    auto found = std::find(seen.begin(), seen.end(), id);
    if (found == seen.end()) found = seen.insert(seen.end(), id);
    numbers.push_back(found - seen.begin());
  }
  return numbers;
}

}  // namespace

std::vector<std::int64_t> single_linkage(std::int64_t num_layers, std::span<const double> matrix,
                                         double threshold) {
  check_matrix(num_layers, matrix);
  std::vector<std::int64_t> cluster;
  for (std::int64_t layer = 0; layer < num_layers; ++layer) cluster.push_back(layer);
  for (std::int64_t a = 0; a < num_layers; ++a) {
    for (std::int64_t b = a + 1; b < num_layers; ++b) {
      const double value = matrix[std::size_t(a * num_layers + b)];
      if (std::isnan(value)) {
        throw InvalidArgument(fmt::format("clusters: layers {} and {} have no value", a, b));
      }
      if (value < threshold) continue;
      const std::int64_t from = cluster[std::size_t(b)], to = cluster[std::size_t(a)];
      std::replace(cluster.begin(), cluster.end(), from, to);
    }
  }
  return numbered(cluster);
}

std::vector<std::int64_t> blocks_of_pattern(const LayerPattern& pattern) {
  std::vector<std::int64_t> sources;
  for (std::int64_t layer = 0; layer < pattern.num_layers(); ++layer) {
    sources.push_back(pattern.source_layer(layer));
  }
  return numbered(sources);
}

double rand_index(std::span<const std::int64_t> a, std::span<const std::int64_t> b) {
  if (a.size() != b.size()) {
    throw InvalidArgument(fmt::format("clusters: {} layers and {}", a.size(), b.size()));
  }
  std::int64_t pairs = 0, agree = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = i + 1; j < a.size(); ++j) {
      ++pairs;
      agree += (a[i] == a[j]) == (b[i] == b[j]) ? 1 : 0;
    }
  }
  return pairs == 0 ? 1.0 : double(agree) / double(pairs);
}

double mean_kept(const LayerPattern& pattern, std::span<const double> matrix) {
  const std::int64_t layers = pattern.num_layers();
  check_matrix(layers, matrix);
  double sum = 0.0;
  std::int64_t shared = 0;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    if (pattern.is_full(layer)) continue;
    sum += matrix[std::size_t(pattern.source_layer(layer) * layers + layer)];
    ++shared;
  }
  return shared == 0 ? 1.0 : sum / double(shared);
}

}  // namespace dsabench
