#include "results/statistics/signed_rank.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/base/error.h"
#include "tests/results/close.h"
#include "tests/support/random.h"

namespace dsabench::test {
namespace {

/// Twice the midrank of |values[i]| among the nonzero ones, counted pair by pair.
std::int64_t doubled_rank(const std::vector<double>& values, std::size_t i) {
  std::int64_t smaller = 0, equal = 0;
  for (const double value : values) {
    if (value == 0) continue;
    smaller += std::abs(value) < std::abs(values[i]);
    equal += std::abs(value) == std::abs(values[i]);
  }
  return 2 * smaller + equal + 1;
}

struct EnumeratedSigns {
  double positive_ranks = 0, p_greater = 1, p_less = 1;
};
/// All 2^n assignments of signs.
EnumeratedSigns enumerate_signs(const std::vector<double>& values) {
  std::vector<std::int64_t> ranks;
  std::int64_t observed = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == 0) continue;
    ranks.push_back(doubled_rank(values, i));
    observed += values[i] > 0 ? ranks.back() : 0;
  }
  const std::uint64_t total = std::uint64_t{1} << ranks.size();
  std::uint64_t greater = 0, less = 0;
  for (std::uint64_t signs = 0; signs < total; ++signs) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < ranks.size(); ++i) sum += (signs >> i & 1) ? ranks[i] : 0;
    greater += sum >= observed;
    less += sum <= observed;
  }
  return {double(observed) / 2, double(greater) / double(total), double(less) / double(total)};
}

/// Values 1..n whose negative ones have ranks that sum to `negative_ranks`.
std::vector<double> with_negative_ranks(int n, int negative_ranks) {
  std::vector<double> values;
  for (int rank = n; rank >= 1; --rank) {
    const bool negative = rank <= negative_ranks;
    if (negative) negative_ranks -= rank;
    values.push_back(negative ? -rank : rank);
  }
  return values;
}

TEST_CASE("signed ranks agree with all sign flips, ties and zeros included") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 150; ++round) {
    const std::int64_t n = random.integer(1, 13);
    const std::int64_t levels = random.choice(std::vector<std::int64_t>{2, 5, 1000000});
    std::vector<double> values;
    for (std::int64_t i = 0; i < n; ++i) {
      values.push_back(double(random.integer(-levels, levels)) / 8);
    }
    const SignedRankTest test = signed_rank_test(values);
    const EnumeratedSigns expected = enumerate_signs(values);
    CAPTURE(round, n, levels);
    CHECK(test.exact);
    CHECK(test.num_pairs == n);
    CHECK(test.num_nonzero == n - std::count(values.begin(), values.end(), 0.0));
    CHECK(test.positive_ranks == expected.positive_ranks);
    CHECK(is_close(test.p_greater, expected.p_greater));
    CHECK(is_close(test.p_less, expected.p_less));
    CHECK(is_close(test.p_two_sided,
                   std::min(1.0, 2 * std::min(expected.p_greater, expected.p_less))));
  }
}

TEST_CASE("signed ranks reach the published critical values and no further") {
  // Wilcoxon's table: the largest smaller rank sum that is significant, one-sided; -1: none.
  struct Row {
    int n, at_5, at_2_5, at_1, at_0_5;
  };
  for (const Row& row : std::vector<Row>{{5, 0, -1, -1, -1},
                                         {6, 2, 0, -1, -1},
                                         {7, 3, 2, 0, -1},
                                         {8, 5, 3, 1, 0},
                                         {9, 8, 5, 3, 1},
                                         {10, 10, 8, 5, 3},
                                         {11, 13, 10, 7, 5},
                                         {12, 17, 13, 9, 7},
                                         {13, 21, 17, 12, 9},
                                         {14, 25, 21, 15, 12},
                                         {15, 30, 25, 19, 15},
                                         {16, 35, 29, 23, 19},
                                         {17, 41, 34, 27, 23},
                                         {18, 47, 40, 32, 27},
                                         {19, 53, 46, 37, 32},
                                         {20, 60, 52, 43, 37},
                                         {25, 100, 89, 76, 68},
                                         {30, 151, 137, 120, 109}}) {
    const auto check = [&](int critical, double alpha) {
      CAPTURE(row.n, critical, alpha);
      if (critical >= 0) {
        CHECK(signed_rank_test(with_negative_ranks(row.n, critical)).p_greater <= alpha);
      }
      CHECK(signed_rank_test(with_negative_ranks(row.n, critical + 1)).p_greater > alpha);
    };
    check(row.at_5, 0.05);
    check(row.at_2_5, 0.025);
    check(row.at_1, 0.01);
    check(row.at_0_5, 0.005);
  }
}

/// Hollander and Wolfe (1973), table 3.1: depression scores of nine patients, first and second
/// visit.
std::vector<double> depression_scores() {
  const std::vector<double> first = {1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30};
  const std::vector<double> second = {0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29};
  std::vector<double> differences;
  for (std::size_t i = 0; i < first.size(); ++i) differences.push_back(first[i] - second[i]);
  return differences;
}

TEST_CASE("signed ranks of a textbook's example") {
  const SignedRankTest test = signed_rank_test(depression_scores());
  CHECK(test.positive_ranks == 40);
  CHECK(is_close(test.p_greater, 10.0 / 512));  // printed as 0.01953
  const LocationEstimate estimate = hodges_lehmann(depression_scores(), 0.95);
  CHECK(is_close(estimate.estimate, 0.46, 1e-9));
  CHECK(is_close(estimate.low, 0.010, 1e-9));
  CHECK(is_close(estimate.high, 0.786, 1e-9));
  CHECK(is_close(estimate.confidence, 1 - 2 * 10.0 / 512));  // "96 %"
}

TEST_CASE("differences of zero are left out") {
  const SignedRankTest none = signed_rank_test({});
  CHECK(none.num_pairs == 0);
  CHECK(none.p_two_sided == 1);
  const SignedRankTest zeros = signed_rank_test(std::vector<double>{0.0, -0.0, 0.0});
  CHECK(zeros.num_pairs == 3);
  CHECK(zeros.num_nonzero == 0);
  CHECK(zeros.p_greater == 1);
  CHECK(zeros.p_less == 1);
}

/// The normal test with tie and continuity correction, from the textbook's formula.
double normal_p_greater(const std::vector<double>& values) {
  const auto n = double(values.size());
  double positive = 0, squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double rank = double(doubled_rank(values, i)) / 2;
    positive += values[i] > 0 ? rank : 0;
    squares += rank * rank;  // the variance of W+ is a quarter of this, ties or not
  }
  return 0.5 * std::erfc((positive - n * (n + 1) / 4 - 0.5) / std::sqrt(squares / 4) / M_SQRT2);
}

TEST_CASE("signed ranks go over to the normal distribution where both agree") {
  DSABENCH_SEEDED(random);
  for (const int n : {400, 401}) {
    for (const double shift : {0.0, 0.05, -0.1, 0.15}) {
      for (const bool tied : {false, true}) {
        std::vector<double> values;
        for (int i = 0; i < n; ++i) {
          const double value = random.normal() + shift;
          values.push_back(tied ? std::floor(value * 8) / 8 + 1.0 / 16 : value);
        }
        const SignedRankTest test = signed_rank_test(values);
        const double expected = normal_p_greater(values);
        CAPTURE(n, shift, tied, test.p_greater, expected);
        CHECK(test.exact == (n == 400));
        // Absolutely where p is usual, and relatively in the tail.
        CHECK(std::abs(test.p_greater - expected) <= (test.exact ? 1e-3 : 1e-12));
        if (expected > 1e-6) CHECK(std::abs(test.p_greater / expected - 1) <= 0.2);
      }
    }
  }
}

TEST_CASE("signed ranks reject a true null no more often than they say") {
  DSABENCH_SEEDED(random);
  constexpr int kDraws = 20000;
  int below_5 = 0, below_1 = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<double> values(12);
    for (double& value : values) value = random.normal();
    const double p = signed_rank_test(values).p_greater;
    below_5 += p <= 0.05;
    below_1 += p <= 0.01;
  }
  // Levels reached at 12 pairs: P(W- <= 17) = 0.0461, P(W- <= 9) = 0.0081; five standard errors.
  CHECK(std::abs(below_5 / double(kDraws) - 0.0461) < 5 * std::sqrt(0.0461 / kDraws));
  CHECK(std::abs(below_1 / double(kDraws) - 0.0081) < 5 * std::sqrt(0.0081 / kDraws));
}

TEST_CASE("the fewest pairs that can reach an alpha") {
  CHECK(fewest_pairs(0.05) == 5);
  CHECK(fewest_pairs(0.01) == 7);
  CHECK(fewest_pairs(0.0025) == 9);
  CHECK(fewest_pairs(0.03125) == 6);  // 2^-5 is not below it
  CHECK(fewest_pairs(0.9) == 1);
  CHECK(fewest_pairs(0.01 / 4 / 40) == 14);
  CHECK(smallest_signed_rank_p(0) == 1);
  CHECK(smallest_signed_rank_p(10) == 1.0 / 1024);
  CHECK(smallest_signed_rank_p(1'000'000'000'000) == 0);
  CHECK(fewest_pairs(std::numeric_limits<double>::denorm_min()) == 1075);
  for (std::int64_t n = 1; n <= 12; ++n) {
    std::vector<double> values;
    for (std::int64_t i = 1; i <= n; ++i) values.push_back(double(i));
    CHECK(signed_rank_test(values).p_greater == smallest_signed_rank_p(n));
  }
  for (const double bad : {0.0, 1.0, -1.0, std::nan("")}) {
    CHECK_THROWS_AS(fewest_pairs(bad), InvalidArgument);
  }
  CHECK_THROWS_AS(smallest_signed_rank_p(-1), InvalidArgument);
}

/// By the definition: all Walsh averages listed.
std::vector<double> listed_averages(const std::vector<double>& values) {
  std::vector<double> averages;
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = i; j < values.size(); ++j) {
      averages.push_back(values[i] / 2 + values[j] / 2);
    }
  }
  std::sort(averages.begin(), averages.end());
  return averages;
}

TEST_CASE("Hodges and Lehmann's estimate is the median of all Walsh averages") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 100; ++round) {
    std::vector<double> values(static_cast<std::size_t>(random.integer(1, 60)));
    const double scale = std::exp(random.uniform(-20, 20));
    for (double& value : values) {
      value = round % 2 ? double(random.integer(-4, 4)) : scale * random.normal();
    }
    const std::vector<double> averages = listed_averages(values);
    const std::size_t half = averages.size() / 2;
    const double expected =
        averages.size() % 2 ? averages[half] : averages[half - 1] / 2 + averages[half] / 2;
    const LocationEstimate estimate = hodges_lehmann(values, 0.95);
    CAPTURE(round, values.size());
    CHECK(estimate.estimate == expected);
    CHECK(estimate.low <= estimate.estimate);
    CHECK(estimate.high >= estimate.estimate);
  }
}

TEST_CASE("Hodges and Lehmann's interval is what the signed-rank test does not reject") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 40; ++round) {
    const double confidence = random.choice(std::vector<double>{0.8, 0.9, 0.95, 0.99});
    std::vector<double> values(static_cast<std::size_t>(random.integer(4, 16)));
    for (double& value : values) value = random.normal();
    const LocationEstimate estimate = hodges_lehmann(values, confidence);
    CAPTURE(round, confidence, values.size());
    CHECK(estimate.confidence >= confidence);
    const auto tail_at = [&](double location, bool from_below) {
      std::vector<double> moved = values;
      for (double& value : moved) value -= location;
      const SignedRankTest test = signed_rank_test(moved);
      return from_below ? test.p_greater : test.p_less;
    };
    if (std::isinf(estimate.low)) {
      CHECK(std::isinf(estimate.high));
      CHECK(smallest_signed_rank_p(std::int64_t(values.size())) > (1 - confidence) / 2);
      continue;
    }
    const double inside = 1e-9, tail = (1 - confidence) / 2;
    CHECK(tail_at(estimate.low - inside, true) <= tail);
    CHECK(tail_at(estimate.low + inside, true) > tail);
    CHECK(tail_at(estimate.high + inside, false) <= tail);
    CHECK(tail_at(estimate.high - inside, false) > tail);
  }
}

TEST_CASE("Hodges and Lehmann's interval covers as often as it says") {
  DSABENCH_SEEDED(random);
  constexpr int kDraws = 10000;
  int covered = 0;
  double confidence = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<double> values(10);
    for (double& value : values) value = 3 + random.normal() * std::abs(random.normal());
    const LocationEstimate estimate = hodges_lehmann(values, 0.95);
    covered += estimate.low <= 3 && 3 <= estimate.high;
    confidence = estimate.confidence;
  }
  CHECK(is_close(confidence, 1 - 2 * 25.0 / 1024));  // P(W <= 8) at 10 pairs
  const double share = covered / double(kDraws);
  CHECK(std::abs(share - confidence) < 5 * std::sqrt(confidence * (1 - confidence) / kDraws));
}

TEST_CASE("Hodges and Lehmann's estimate of many values") {
  DSABENCH_SEEDED(random);
  std::vector<double> values(20000);  // 200 million Walsh averages
  for (double& value : values) value = 7 + random.normal();
  const LocationEstimate estimate = hodges_lehmann(values, 0.99);
  const double error = std::sqrt(M_PI / 3 / double(values.size()));
  CHECK(std::abs(estimate.estimate - 7) < 6 * error);
  CHECK(std::abs((estimate.high - estimate.low) / (2 * 2.5758 * error) - 1) < 0.1);
  CHECK(estimate.confidence >= 0.99);
  CHECK(estimate.confidence < 0.9901);
}

TEST_CASE("signed ranks refuse what is no number") {
  const std::vector<double> values = {1, std::nan(""), 2};
  CHECK_THROWS_WITH(signed_rank_test(values), Catch::Contains("got nan as number 1"));
  CHECK_THROWS_AS(hodges_lehmann(values, 0.95), InvalidArgument);
  CHECK_THROWS_AS(hodges_lehmann({}, 0.95), InvalidArgument);
  for (const double bad : {0.0, 1.0, std::nan("")}) {
    CHECK_THROWS_AS(hodges_lehmann(std::vector<double>{1}, bad), InvalidArgument);
  }
  const LocationEstimate one = hodges_lehmann(std::vector<double>{1}, 0.95);
  CHECK(one.estimate == 1);
  CHECK(one.low == -std::numeric_limits<double>::infinity());
  CHECK(one.high == std::numeric_limits<double>::infinity());
  CHECK(one.confidence == 1);
}

}  // namespace
}  // namespace dsabench::test
