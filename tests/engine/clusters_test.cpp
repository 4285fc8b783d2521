#include "engine/search/clusters.h"

#include <cmath>
#include <set>

#include "kernels/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

namespace dsabench::test {
namespace {

std::vector<double> random_symmetric(Random& random, std::int64_t layers) {
  std::vector<double> matrix(std::size_t(layers * layers), 1.0);
  for (std::int64_t a = 0; a < layers; ++a) {
    for (std::int64_t b = a + 1; b < layers; ++b) {
      const double value = double(random.integer(0, 16)) / 16.0;
      matrix[std::size_t(a * layers + b)] = matrix[std::size_t(b * layers + a)] = value;
    }
  }
  return matrix;
}

TEST_CASE("layers are in one cluster where a chain above the threshold joins them") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 100; ++round) {
    const std::int64_t layers = random.integer(1, 9);
    const auto matrix = random_symmetric(random, layers);
    const double threshold = double(random.integer(4, 17)) / 16.0;
    // Reachability, closed over every layer between.
    const auto n = std::size_t(layers);
    std::vector<std::vector<bool>> joined(n, std::vector<bool>(n));
    for (std::size_t a = 0; a < n; ++a) {
      for (std::size_t b = 0; b < n; ++b) {
        joined[a][b] = a == b || matrix[a * n + b] >= threshold;
      }
    }
    for (std::size_t via = 0; via < n; ++via) {
      for (std::size_t a = 0; a < n; ++a) {
        for (std::size_t b = 0; b < n; ++b) {
          joined[a][b] = joined[a][b] || (joined[a][via] && joined[via][b]);
        }
      }
    }
    const auto clusters = single_linkage(layers, matrix, threshold);
    CAPTURE(round, layers, threshold);
    REQUIRE(std::ssize(clusters) == layers);
    std::int64_t next = 0;
    for (std::size_t a = 0; a < n; ++a) {
      CHECK(clusters[a] <= next);
      next = std::max(next, clusters[a] + 1);
      for (std::size_t b = 0; b < n; ++b) CHECK((clusters[a] == clusters[b]) == joined[a][b]);
    }
  }
  CHECK_THROWS_AS(single_linkage(2, std::vector<double>(3), 0.5), InvalidArgument);
  CHECK_THROWS_AS(single_linkage(2, std::vector<double>(4, std::nan("")), 0.5), InvalidArgument);
}

TEST_CASE("a pattern's blocks are the layers that use the same indices") {
  CHECK(blocks_of_pattern(LayerPattern::from_letters("FSSFFSF")) ==
        std::vector<std::int64_t>{0, 0, 0, 1, 2, 2, 3});
}

TEST_CASE("the Rand index is the share of pairs on which partitions agree") {
  DSABENCH_SEEDED(random);
  std::vector<std::int64_t> a(std::size_t(random.integer(2, 20)));
  for (auto& cluster : a) cluster = random.integer(0, 3);
  std::vector<std::int64_t> renamed;
  for (const auto cluster : a) renamed.push_back(7 - cluster);
  CHECK(rand_index(a, renamed) == 1.0);
  const std::vector<std::int64_t> together{0, 0, 0, 0}, apart{0, 1, 2, 3}, halves{0, 0, 1, 1};
  CHECK(rand_index(together, apart) == 0.0);
  CHECK(rand_index(together, halves) == 2.0 / 6.0);
  CHECK(rand_index(apart, halves) == 4.0 / 6.0);
  CHECK(rand_index(std::vector<std::int64_t>{0}, std::vector<std::int64_t>{5}) == 1.0);
  CHECK_THROWS_AS(rand_index(together, std::vector<std::int64_t>{0}), InvalidArgument);
}

TEST_CASE("what reuse keeps is the mean of Shared layers with their sources") {
  const std::vector<double> matrix{1.0, 0.5, 0.25, 0.5, 1.0, 0.75, 0.25, 0.75, 1.0};
  CHECK(mean_kept(LayerPattern::from_letters("FSS"), matrix) == 0.375);
  CHECK(mean_kept(LayerPattern::from_letters("FFS"), matrix) == 0.75);
  CHECK(mean_kept(LayerPattern::from_letters("FFF"), matrix) == 1.0);
  CHECK_THROWS_AS(mean_kept(LayerPattern::from_letters("FF"), matrix), InvalidArgument);
}

}  // namespace
}  // namespace dsabench::test
