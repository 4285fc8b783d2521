#include "results/statistics/rank_sum.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/base/error.h"
#include "tests/results/close.h"
#include "tests/support/random.h"

namespace dsabench::test {
namespace {

/// Twice the pairs with y > x, ties counting once.
std::int64_t doubled_u(const std::vector<double>& x, const std::vector<double>& y) {
  std::int64_t sum = 0;
  for (const double a : x) {
    for (const double b : y) sum += b > a ? 2 : b == a;
  }
  return sum;
}

struct Enumerated {
  double p_greater = 1, p_less = 1;
};
/// All ways to share the pooled values out.
Enumerated enumerate_shares(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<double> pooled = x;
  pooled.insert(pooled.end(), y.begin(), y.end());
  const std::int64_t observed = doubled_u(x, y);
  std::int64_t total = 0, greater = 0, less = 0;
  for (std::uint32_t chosen = 0; chosen < std::uint32_t{1} << pooled.size(); ++chosen) {
    if (std::popcount(chosen) != static_cast<int>(x.size())) continue;
    std::vector<double> a, b;
    for (std::size_t i = 0; i < pooled.size(); ++i) {
      (chosen >> i & 1 ? a : b).push_back(pooled[i]);
    }
    const std::int64_t u = doubled_u(a, b);
    ++total;
    greater += u >= observed;
    less += u <= observed;
  }
  return {double(greater) / double(total), double(less) / double(total)};
}

/// Sides without ties whose U (pairs with y > x) is `u`.
std::pair<std::vector<double>, std::vector<double>> with_u(int num_x, int num_y, int u) {
  std::vector<double> x, y;
  for (int i = 0; i < num_x; ++i) x.push_back(2 * i + 1);
  for (int j = 0; j < num_y; ++j) {
    const int above = std::min(num_x, u);  // this y lies above so many x
    u -= above;
    y.push_back(2 * above + j / 1000.0);
  }
  return {x, y};
}

TEST_CASE("rank sums agree with all ways to share the values out, ties included") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 120; ++round) {
    const std::int64_t levels = random.choice(std::vector<std::int64_t>{1, 3, 1000000});
    const auto side = [&] {
      std::vector<double> values(static_cast<std::size_t>(random.integer(1, 6)));
      for (double& value : values) value = double(random.integer(-levels, levels));
      return values;
    };
    const std::vector<double> x = side(), y = side();
    const RankSumTest test = rank_sum_test(x, y);
    const Enumerated expected = enumerate_shares(x, y);
    CAPTURE(round, x.size(), y.size(), levels);
    CHECK(test.exact);
    CHECK(test.u == double(doubled_u(x, y)) / 2);
    CHECK(is_close(test.p_greater, expected.p_greater));
    CHECK(is_close(test.p_less, expected.p_less));
    CHECK(is_close(test.p_two_sided,
                   std::min(1.0, 2 * std::min(expected.p_greater, expected.p_less))));
  }
}

TEST_CASE("rank sums reach the published critical values and no further") {
  // Mann and Whitney's table: the largest smaller U that is significant, two-sided; -1: none.
  struct Row {
    int n, m, at_5, at_1;
  };
  for (const Row& row : std::vector<Row>{{4, 4, 0, -1},
                                         {5, 5, 2, 0},
                                         {6, 6, 5, 2},
                                         {7, 7, 8, 4},
                                         {8, 8, 13, 7},
                                         {9, 9, 17, 11},
                                         {10, 10, 23, 16},
                                         {12, 12, 37, 27},
                                         {15, 15, 64, 51},
                                         {20, 20, 127, 105},
                                         {3, 5, 0, -1},
                                         {5, 10, 8, 4},
                                         {10, 20, 55, 42},
                                         {3, 3, -1, -1},
                                         {4, 20, 14, 8}}) {
    const auto check = [&](int critical, double alpha) {
      for (const bool swapped : {false, true}) {
        CAPTURE(row.n, row.m, critical, alpha, swapped);
        const int num_x = swapped ? row.m : row.n, num_y = swapped ? row.n : row.m;
        if (critical >= 0) {
          const auto [x, y] = with_u(num_x, num_y, critical);
          REQUIRE(rank_sum_test(x, y).u == critical);
          CHECK(rank_sum_test(x, y).p_two_sided <= alpha);
        }
        const auto [x, y] = with_u(num_x, num_y, critical + 1);
        CHECK(rank_sum_test(x, y).p_two_sided > alpha);
      }
    };
    check(row.at_5, 0.05);
    check(row.at_1, 0.01);
  }
}

TEST_CASE("rank sums of a textbook's example") {
  // Hollander and Wolfe (1973), table 4.1: permeability of the human placenta.
  const std::vector<double> at_term = {0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46};
  const std::vector<double> early = {1.15, 0.88, 0.90, 0.74, 1.21};
  const RankSumTest test = rank_sum_test(early, at_term);
  CHECK(test.u == 35);
  CHECK(std::abs(test.p_greater - 0.1272) < 5e-5);
  const LocationEstimate shift = hodges_lehmann_shift(early, at_term, 0.95);
  CHECK(is_close(shift.estimate, 0.305, 1e-9));
  CHECK(is_close(shift.low, -0.15, 1e-9));
  CHECK(is_close(shift.high, 0.76, 1e-9));
  CHECK(std::abs(shift.confidence - 0.96) < 0.005);
}

/// The normal test with tie and continuity correction, from the textbook's formula; y above x.
double normal_p_greater(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<double> pooled = x;
  pooled.insert(pooled.end(), y.begin(), y.end());
  const auto n = double(x.size()), m = double(y.size()), total = n + m;
  double ties = 0;  // summed over values: t^2 - 1 each
  for (const double value : pooled) {
    const auto t = double(std::count(pooled.begin(), pooled.end(), value));
    ties += t * t - 1;
  }
  const double sd = std::sqrt(n * m / 12 * (total + 1 - ties / (total * (total - 1))));
  return 0.5 * std::erfc((double(doubled_u(x, y)) / 2 - n * m / 2 - 0.5) / sd / M_SQRT2);
}

TEST_CASE("rank sums go over to the normal distribution where both agree") {
  DSABENCH_SEEDED(random);
  for (const std::size_t num_y : {50, 51}) {
    for (const double shift : {0.0, 0.2, -0.3, 0.5}) {
      for (const bool tied : {false, true}) {
        std::vector<double> x(50), y(num_y);
        for (double& value : x) value = random.normal();
        for (double& value : y) value = shift + random.normal();
        if (tied) {
          for (double& value : x) value = std::round(value * 3);
          for (double& value : y) value = std::round(value * 3);
        }
        const RankSumTest test = rank_sum_test(x, y);
        const double greater = normal_p_greater(x, y), less = normal_p_greater(y, x);
        CAPTURE(num_y, shift, tied, test.p_greater, greater);
        CHECK(test.exact == (num_y == 50));
        const double tolerance = test.exact ? 2e-3 : 1e-12;
        CHECK(std::abs(test.p_greater - greater) <= tolerance);
        CHECK(std::abs(test.p_less - less) <= tolerance);
      }
    }
  }
}

TEST_CASE("values that are all equal say nothing") {
  for (const std::size_t size : {5, 80}) {
    const std::vector<double> same(size, 4.0);
    const RankSumTest test = rank_sum_test(same, same);
    CHECK(test.p_greater == 1);
    CHECK(test.p_less == 1);
    CHECK(test.p_two_sided == 1);
    const LocationEstimate shift = hodges_lehmann_shift(same, same, 0.9);
    CHECK(shift.estimate == 0);
    CHECK(shift.low == 0);
    CHECK(shift.high == 0);
  }
}

TEST_CASE("the smallest p of a rank-sum test") {
  CHECK(is_close(smallest_rank_sum_p(3, 3), 1.0 / 20));
  CHECK(is_close(smallest_rank_sum_p(5, 5), 1.0 / 252));
  CHECK(is_close(smallest_rank_sum_p(1, 9), 1.0 / 10));
  CHECK(is_close(smallest_rank_sum_p(10, 20), 1.0 / 30045015));
  CHECK(smallest_rank_sum_p(5000, 5000) == 0);
  for (int n = 1; n <= 6; ++n) {
    for (int m = 1; m <= 6; ++m) {
      const auto [x, y] = with_u(n, m, n * m);
      CHECK(is_close(rank_sum_test(x, y).p_greater, smallest_rank_sum_p(n, m)));
    }
  }
  CHECK_THROWS_AS(smallest_rank_sum_p(0, 3), InvalidArgument);
}

TEST_CASE("sides of very different sizes stay exact") {
  std::vector<double> x = {0.5}, y;
  for (int i = 1; i <= 2500; ++i) y.push_back(i);
  const RankSumTest test = rank_sum_test(x, y);
  CHECK(test.exact);
  CHECK(is_close(test.p_greater, 1.0 / 2501));
  const RankSumTest turned = rank_sum_test(y, x);
  CHECK(turned.u == 0);
  CHECK(is_close(turned.p_less, 1.0 / 2501));
}

TEST_CASE("the shift is the median of all differences") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 100; ++round) {
    const auto side = [&] {
      std::vector<double> values(static_cast<std::size_t>(random.integer(1, 30)));
      for (double& value : values) {
        value = round % 2 ? double(random.integer(-3, 3)) : random.normal(1e6);
      }
      return values;
    };
    const std::vector<double> x = side(), y = side();
    std::vector<double> differences;
    for (const double a : x) {
      for (const double b : y) differences.push_back(b - a);
    }
    std::sort(differences.begin(), differences.end());
    const std::size_t half = differences.size() / 2;
    const LocationEstimate shift = hodges_lehmann_shift(x, y, 0.9);
    CAPTURE(round, x.size(), y.size());
    CHECK(shift.estimate == (differences.size() % 2
                                 ? differences[half]
                                 : differences[half - 1] / 2 + differences[half] / 2));
    CHECK(shift.low <= shift.estimate);
    CHECK(shift.high >= shift.estimate);
  }
}

TEST_CASE("the shift's interval is what the rank-sum test does not reject") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 40; ++round) {
    const double confidence = random.choice(std::vector<double>{0.8, 0.9, 0.95, 0.99});
    std::vector<double> x(static_cast<std::size_t>(random.integer(2, 12)));
    std::vector<double> y(static_cast<std::size_t>(random.integer(2, 12)));
    for (double& value : x) value = random.normal();
    for (double& value : y) value = random.normal();
    const LocationEstimate shift = hodges_lehmann_shift(x, y, confidence);
    CAPTURE(round, confidence, x.size(), y.size());
    CHECK(shift.confidence >= confidence);
    const double tail = (1 - confidence) / 2;
    if (std::isinf(shift.low)) {
      CHECK(smallest_rank_sum_p(std::int64_t(x.size()), std::int64_t(y.size())) > tail);
      continue;
    }
    const auto test_at = [&](double moved) {
      std::vector<double> shifted = y;
      for (double& value : shifted) value -= moved;
      return rank_sum_test(x, shifted);
    };
    const double inside = 1e-9;
    CHECK(test_at(shift.low - inside).p_greater <= tail);
    CHECK(test_at(shift.low + inside).p_greater > tail);
    CHECK(test_at(shift.high + inside).p_less <= tail);
    CHECK(test_at(shift.high - inside).p_less > tail);
  }
}

TEST_CASE("the shift's interval covers as often as it says") {
  DSABENCH_SEEDED(random);
  constexpr int kDraws = 10000;
  for (const std::size_t size : {8, 60}) {
    int covered = 0;
    double confidence = 0;
    const int draws = size == 8 ? kDraws : kDraws / 5;
    for (int draw = 0; draw < draws; ++draw) {
      std::vector<double> x(size), y(size);
      for (double& value : x) value = std::exp(random.normal());
      for (double& value : y) value = 2 + std::exp(random.normal());
      const LocationEstimate shift = hodges_lehmann_shift(x, y, 0.95);
      covered += shift.low <= 2 && 2 <= shift.high;
      confidence = shift.confidence;
    }
    const double share = covered / double(draws);
    CAPTURE(size, confidence, share);
    CHECK(confidence >= 0.95);
    CHECK(std::abs(share - confidence) < 5 * std::sqrt(confidence * (1 - confidence) / draws));
  }
}

TEST_CASE("rank sums refuse what is no number") {
  const std::vector<double> good = {1, 2}, bad = {1, std::numeric_limits<double>::infinity()};
  CHECK_THROWS_WITH(rank_sum_test(good, bad), Catch::Contains("got inf as number 1"));
  CHECK_THROWS_AS(rank_sum_test(bad, good), InvalidArgument);
  CHECK_THROWS_AS(rank_sum_test({}, good), InvalidArgument);
  CHECK_THROWS_AS(rank_sum_test(good, {}), InvalidArgument);
  CHECK_THROWS_AS(hodges_lehmann_shift(good, {}, 0.95), InvalidArgument);
  CHECK_THROWS_AS(hodges_lehmann_shift(good, good, 1.0), InvalidArgument);
}

}  // namespace
}  // namespace dsabench::test
