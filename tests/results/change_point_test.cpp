#include "results/statistics/change_point.h"

#include <cmath>
#include <vector>

#include "kernels/base/error.h"
#include "tests/support/random.h"

namespace dsabench::test {
namespace {

/// The scaled energy distance of a split, by its definition.
double energy_distance(const std::vector<double>& values, std::size_t position) {
  double between = 0, left = 0, right = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = i + 1; j < values.size(); ++j) {
      const double distance = std::abs(values[i] - values[j]);
      (j < position ? left : i >= position ? right : between) += distance;
    }
  }
  const auto m = double(position), n = double(values.size() - position);
  return m * n / (m + n) *
         (2 * between / (m * n) - left / (m * (m - 1) / 2) - right / (n * (n - 1) / 2));
}

TEST_CASE("the split is where the energy distance is largest") {
  DSABENCH_SEEDED(random);
  ChangePointOptions options;
  options.alpha = 0.999;  // whatever is found is kept: the definition alone is under test
  options.num_permutations = 1;
  for (int round = 0; round < 200; ++round) {
    // Too short to be split again: six to eight values with stretches of three or four.
    options.shortest = random.integer(3, 4);
    std::vector<double> values(
        static_cast<std::size_t>(2 * options.shortest + random.integer(0, 1)));
    for (double& value : values) value = 1e9 + 1e6 * random.normal();
    std::size_t best = 0;
    for (auto split = std::size_t(options.shortest);
         split + std::size_t(options.shortest) <= values.size(); ++split) {
      if (best == 0 || energy_distance(values, split) > energy_distance(values, best)) best = split;
    }
    const std::vector<ChangePoint> found = find_change_points(values, options);
    if (found.empty()) continue;  // the one other order reached it
    CAPTURE(round, values.size());
    REQUIRE(found.size() == 1);
    CHECK(found[0].position == std::int64_t(best));
  }
}

TEST_CASE("the p value is the share of orders that reach the distance") {
  // Six values, stretches of three: one split, and of the 20 ways to share them out 2 (the series'
  // own and its mirror) have the largest distance.
  const std::vector<double> values = {0, 1, 2, 100, 101, 102};
  ChangePointOptions options;
  options.alpha = 0.5;
  options.num_permutations = 20'000;
  const std::vector<ChangePoint> found = find_change_points(values, options);
  REQUIRE(found.size() == 1);
  CHECK(std::abs(found[0].p - 0.1) < 5 * std::sqrt(0.09 / 20'000));
  CHECK(found[0].position == 3);
  CHECK(found[0].before == 1);
  CHECK(found[0].after == 101);
}

TEST_CASE("shifts of level are found where they are") {
  DSABENCH_SEEDED(random);
  std::vector<double> values;
  const std::vector<std::pair<int, double>> levels = {{30, 100}, {20, 106}, {40, 103}, {10, 112}};
  for (const auto& [count, level] : levels) {
    for (int i = 0; i < count; ++i) values.push_back(level + random.uniform(-0.5, 0.5));
  }
  const std::vector<ChangePoint> found = find_change_points(values);
  REQUIRE(found.size() >= 3);
  CHECK(found.size() <= 5);  // each further search has its own 1 % of false alarms
  std::int64_t position = 0;
  for (std::size_t level = 0; level + 1 < levels.size(); ++level) {
    position += levels[level].first;
    bool seen = false;
    for (const ChangePoint& point : found) {
      seen = seen || (point.position == position && point.p <= 0.01 &&
                      std::abs(point.before - levels[level].second) < 0.5 &&
                      std::abs(point.after - levels[level + 1].second) < 0.5);
    }
    CAPTURE(level, position);
    CHECK(seen);
  }
  for (std::size_t i = 1; i < found.size(); ++i) CHECK(found[i - 1].position < found[i].position);
}

TEST_CASE("a change of spread alone is a change") {
  DSABENCH_SEEDED(random);
  std::vector<double> values;
  for (int i = 0; i < 150; ++i) values.push_back(random.normal(i < 75 ? 1.0 : 12.0));
  const std::vector<ChangePoint> found = find_change_points(values);
  bool near = false;
  for (const ChangePoint& point : found) near = near || std::abs(double(point.position) - 75) < 12;
  CHECK(near);
}

TEST_CASE("series without a change are left alone as often as alpha says") {
  DSABENCH_SEEDED(random);
  constexpr int kSeries = 1500;
  int alarms = 0;
  ChangePointOptions options;
  options.alpha = 0.05;
  options.num_permutations = 199;
  for (int series = 0; series < kSeries; ++series) {
    std::vector<double> values(24);
    for (double& value : values) value = std::exp(random.normal());
    options.seed = static_cast<std::uint64_t>(series);
    alarms += !find_change_points(values, options).empty();
  }
  const double share = alarms / double(kSeries);
  CHECK(std::abs(share - 0.05) < 5 * std::sqrt(0.05 * 0.95 / kSeries));
}

TEST_CASE("series that are short or constant have no change") {
  CHECK(find_change_points({}).empty());
  CHECK(find_change_points(std::vector<double>{1, 2, 3, 100, 200}).empty());
  CHECK(find_change_points(std::vector<double>(50, 1e9)).empty());
  // 20 ways to share six values out: no p within 1 %.
  CHECK(find_change_points(std::vector<double>{1, 2, 3, 101, 102, 103}).empty());
}

TEST_CASE("change points are those of the seed") {
  DSABENCH_SEEDED(random);
  std::vector<double> values;
  for (int i = 0; i < 60; ++i) values.push_back(random.normal() + (i < 30 ? 0 : 2.5));
  const auto first = find_change_points(values), again = find_change_points(values);
  REQUIRE(first.size() == again.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    CHECK(first[i].position == again[i].position);
    CHECK(first[i].p == again[i].p);
  }
}

TEST_CASE("a scan of a long series ends soon") {
  DSABENCH_SEEDED(random);
  std::vector<double> values(4000);
  for (double& value : values) value = random.normal();
  for (std::size_t i = 2500; i < values.size(); ++i) values[i] += 1;
  bool near = false;
  for (const ChangePoint& point : find_change_points(values)) {
    near = near || std::abs(double(point.position) - 2500) < 60;
  }
  CHECK(near);
}

TEST_CASE("a scan refuses what makes no sense") {
  const std::vector<double> values = {1, 2, std::nan("")};
  CHECK_THROWS_AS(find_change_points(values), InvalidArgument);
  ChangePointOptions options;
  options.shortest = 1;
  CHECK_THROWS_AS(find_change_points({}, options), InvalidArgument);
  options = {};
  options.alpha = 0;
  CHECK_THROWS_AS(find_change_points({}, options), InvalidArgument);
  options = {};
  options.num_permutations = 0;
  CHECK_THROWS_AS(find_change_points({}, options), InvalidArgument);
}

}  // namespace
}  // namespace dsabench::test
