#include "results/statistics/mcnemar.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/error.h"
#include "tests/support/random.h"

namespace dsabench::test {
namespace {

/// P(at least k of n fair coins show heads), term by term from the far end.
long double upper_half(std::int64_t k, std::int64_t n) {
  long double sum = 0, term = std::pow(0.5L, static_cast<long double>(n));
  for (std::int64_t heads = n; heads >= k; --heads) {
    sum += term;
    term = term * static_cast<long double>(heads) / static_cast<long double>(n - heads + 1);
  }
  return sum;
}

bool close_to_sum(double actual, long double expected) {
  return std::abs(static_cast<long double>(actual) - expected) <= 1e-12L * expected;
}

TEST_CASE("McNemar's test agrees with sums of binomial terms") {
  for (const std::int64_t changed : {1, 2, 3, 10, 21, 60, 300}) {
    for (std::int64_t lost = 0; lost <= changed; ++lost) {
      const McNemarTest test = mcnemar_test(lost, changed - lost);
      CAPTURE(lost, changed);
      const long double p_lost = upper_half(lost, changed);
      const long double p_gained = upper_half(changed - lost, changed);
      CHECK(close_to_sum(test.p_lost, p_lost));
      CHECK(close_to_sum(test.p_gained, p_gained));
      CHECK(close_to_sum(test.p_two_sided, std::min(1.0L, 2 * std::min(p_lost, p_gained))));
    }
  }
}

TEST_CASE("McNemar's test by hand") {
  CHECK(mcnemar_test(0, 0).p_two_sided == 1);
  CHECK(close_to_sum(mcnemar_test(1, 0).p_lost, 0.5L));  // one item of thirty says nothing
  CHECK(close_to_sum(mcnemar_test(8, 2).p_two_sided, 112.0L / 1024));
  CHECK(close_to_sum(mcnemar_test(20, 0).p_lost, 1.0L / 1048576));  // twenty lost, none gained
  CHECK(mcnemar_test(20, 0).p_gained == 1);
  CHECK_THROWS_AS(mcnemar_test(-1, 2), InvalidArgument);
  CHECK_THROWS_WITH(mcnemar_test(1, -2), Catch::Contains("items gained: expected 0 or more"));
}

TEST_CASE("the interval of a paired difference agrees with published examples") {
  // Bentur et al. (2009), in Fagerland, Lydersen and Laake: 1, 1, 7 and 12 of 21 children.
  const Interval children = paired_difference_interval(1, 1, 7, 12, 0.95);
  CHECK(std::abs(children.low - 0.026) < 5e-4);
  CHECK(std::abs(children.high - 0.507) < 5e-4);
  // Altman et al. (2000), table 6.2: 14, 5, 0 and 22, printed as 0.01 to 0.23 ("first - second").
  const Interval thorn = paired_difference_interval(14, 5, 0, 22, 0.95);
  CHECK(std::abs(-thorn.high - 0.01) < 5e-3);
  CHECK(std::abs(-thorn.low - 0.23) < 5e-3);
}

TEST_CASE("the interval of a paired difference turns with the sides") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 300; ++round) {
    const std::int64_t both = random.integer(0, 30), lost = random.integer(0, 30);
    const std::int64_t gained = random.integer(0, 30), neither = random.integer(0, 30);
    const Interval interval = paired_difference_interval(both, lost, gained, neither, 0.9);
    const Interval turned = paired_difference_interval(both, gained, lost, neither, 0.9);
    const Interval inverse = paired_difference_interval(neither, gained, lost, both, 0.9);
    CAPTURE(both, lost, gained, neither);
    CHECK(std::abs(interval.low + turned.high) < 1e-12);
    CHECK(std::abs(interval.high + turned.low) < 1e-12);
    CHECK(std::abs(interval.low + inverse.high) < 1e-12);  // wrong answers counted as right ones
    CHECK(interval.low >= -1);
    CHECK(interval.high <= 1);
    const auto n = double(both + lost + gained + neither);
    if (n == 0) continue;
    CHECK(interval.low <= double(gained - lost) / n + 1e-12);
    CHECK(interval.high >= double(gained - lost) / n - 1e-12);
  }
  CHECK(paired_difference_interval(0, 0, 0, 0, 0.95).low == -1);
  CHECK(paired_difference_interval(0, 0, 0, 0, 0.95).high == 1);
}

TEST_CASE("the interval of a paired difference covers about as often as it says") {
  DSABENCH_SEEDED(random);
  constexpr int kDraws = 4000;
  struct Truth {
    double both, lost, gained;
    std::int64_t items;
  };
  for (const Truth& truth : {Truth{0.6, 0.05, 0.05, 200}, Truth{0.7, 0.10, 0.05, 60},
                             Truth{0.3, 0.02, 0.02, 300}, Truth{0.2, 0.20, 0.30, 40}}) {
    int covered = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
      std::int64_t counts[4] = {};
      for (std::int64_t item = 0; item < truth.items; ++item) {
        const double u = random.uniform();
        ++counts[u < truth.both                               ? 0
                 : u < truth.both + truth.lost                ? 1
                 : u < truth.both + truth.lost + truth.gained ? 2
                                                              : 3];
      }
      const Interval interval =
          paired_difference_interval(counts[0], counts[1], counts[2], counts[3], 0.95);
      const double difference = truth.gained - truth.lost;
      covered += interval.low <= difference && difference <= interval.high;
    }
    // Newcombe (1998) found means of 95 % with some settings down to 93 %; and five standard
    // errors.
    CAPTURE(truth.both, truth.items, covered);
    CHECK(covered / double(kDraws) > 0.93 - 5 * std::sqrt(0.05 * 0.95 / kDraws));
    CHECK(covered / double(kDraws) < 0.985 + 5 * std::sqrt(0.015 / kDraws));
  }
}

TEST_CASE("the interval of a paired difference refuses what is no count") {
  CHECK_THROWS_AS(paired_difference_interval(1, -1, 0, 0, 0.95), InvalidArgument);
  CHECK_THROWS_AS(paired_difference_interval(1, 1, 0, 0, 1.0), InvalidArgument);
  CHECK_THROWS_AS(paired_difference_interval(1, 1, 0, 0, std::nan("")), InvalidArgument);
}

}  // namespace
}  // namespace dsabench::test
