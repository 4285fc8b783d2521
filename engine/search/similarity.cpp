#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/search/pattern_search.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

void check_similarity(std::int64_t num_layers, std::int64_t num_full,
                      std::span<const double> similarity) {
  if (num_layers < 1 || num_full < 1 || num_full > num_layers) {
    throw InvalidArgument(fmt::format("search: {} Full layers of {}, must be 1 to {}", num_full,
                                      num_layers, std::max<std::int64_t>(1, num_layers)));
  }
  if (std::ssize(similarity) != num_layers * num_layers) {
    throw InvalidArgument(fmt::format("search: {} similarities of {} layers, must be {}",
                                      similarity.size(), num_layers, num_layers * num_layers));
  }
  for (std::int64_t source = 0; source < num_layers; ++source) {
    for (std::int64_t layer = source + 1; layer < num_layers; ++layer) {
      const double value = similarity[std::size_t(source * num_layers + layer)];
      if (!std::isfinite(value)) {
        throw InvalidArgument(
            fmt::format("search: the similarity of layers {} and {} is {}", source, layer, value));
      }
    }
  }
}

}  // namespace

// best(f, s): the most that the layers from the Full layer s on can add up to with f Full layers in
// all from s on. Where the next Full layer is n, layers s + 1 to n - 1 take from s:
//   best(1, s) = sum(s, L),  best(f, s) = max over n of sum(s, n) + best(f - 1, n).
LayerPattern similarity_pattern(std::int64_t num_layers, std::int64_t num_full,
                                std::span<const double> similarity) {
  check_similarity(num_layers, num_full, similarity);
  const auto layers = std::size_t(num_layers), full = std::size_t(num_full);
  std::vector<std::vector<double>> best(full + 1, std::vector<double>(layers));
  std::vector<std::vector<std::size_t>> next(full + 1, std::vector<std::size_t>(layers, layers));
  for (std::size_t f = 1; f <= full; ++f) {
    for (std::size_t source = 0; source + f <= layers; ++source) {
      double sum = 0.0;  // of the layers between source and n
      for (std::size_t n = source + 1; n < layers; ++n) {
        if (f > 1 && n + f - 1 <= layers) {
          const double value = sum + best[f - 1][n];
          // Strictly more: among equals the lowest next layer stays.
          if (next[f][source] == layers || value > best[f][source]) {
            best[f][source] = value;
            next[f][source] = n;
          }
        }
        sum += similarity[source * layers + n];
      }
      if (f == 1) best[f][source] = sum;
    }
  }
  std::string letters(layers, 'S');
  std::size_t layer = 0;
  for (std::size_t f = full; f > 0; --f) {
    letters[layer] = 'F';
    layer = next[f][layer];
  }
  return LayerPattern::from_letters(letters);
}

}  // namespace dsabench
