#include "results/statistics/proportion.h"

#include <cmath>

#include "kernels/base/error.h"
#include "tests/support/random.h"

namespace dsabench::test {
namespace {

/// P(Binomial(n, p) <= k), term by term.
long double at_most(std::int64_t k, std::int64_t n, long double p) {
  long double sum = 0;
  for (std::int64_t i = 0; i <= k; ++i) {
    const auto a = static_cast<long double>(i), b = static_cast<long double>(n);
    sum += std::exp(std::lgamma(b + 1) - std::lgamma(a + 1) - std::lgamma(b - a + 1) +
                    a * std::log(p) + (b - a) * std::log1p(-p));
  }
  return sum;
}

TEST_CASE("Clopper and Pearson's ends put half of the error in each tail") {
  for (const double confidence : {0.8, 0.95, 0.99}) {
    const double tail = (1 - confidence) / 2;
    for (const std::int64_t count : {1, 2, 10, 37, 400}) {
      for (std::int64_t successes = 0; successes <= count; ++successes) {
        const Interval interval = clopper_pearson_interval(successes, count, confidence);
        CAPTURE(confidence, successes, count, interval.low, interval.high);
        if (successes == 0) CHECK(interval.low == 0);
        if (successes == count) CHECK(interval.high == 1);
        if (successes > 0) {
          const double above = double(1 - at_most(successes - 1, count, interval.low));
          CHECK(std::abs(above - tail) < 1e-9);
        }
        if (successes < count) {
          CHECK(std::abs(double(at_most(successes, count, interval.high)) - tail) < 1e-9);
        }
      }
    }
  }
}

TEST_CASE("Clopper and Pearson's interval agrees with published tables") {
  const auto check = [](std::int64_t successes, std::int64_t count, double low, double high) {
    const Interval interval = clopper_pearson_interval(successes, count, 0.95);
    CAPTURE(successes, count);
    CHECK(std::abs(interval.low - low) < 5e-5);
    CHECK(std::abs(interval.high - high) < 5e-5);
  };
  check(0, 10, 0, 0.3085);
  check(1, 10, 0.0025, 0.4450);
  check(5, 10, 0.1871, 0.8129);
  check(10, 10, 0.6915, 1);
  check(0, 20, 0, 0.1684);
}

TEST_CASE("Clopper and Pearson's interval covers at least as often as it says") {
  DSABENCH_SEEDED(random);
  constexpr int kDraws = 20000;
  for (const double p : {0.01, 0.05, 0.3}) {
    int covered = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
      std::int64_t successes = 0;
      for (int i = 0; i < 20; ++i) successes += random.uniform() < p;
      const Interval interval = clopper_pearson_interval(successes, 20, 0.95);
      covered += interval.low <= p && p <= interval.high;
    }
    CHECK(covered / double(kDraws) > 0.95 - 5 * std::sqrt(0.05 * 0.95 / kDraws));
  }
}

TEST_CASE("Clopper and Pearson's interval without counts, and with impossible ones") {
  CHECK(clopper_pearson_interval(0, 0, 0.95).low == 0);
  CHECK(clopper_pearson_interval(0, 0, 0.95).high == 1);
  CHECK_THROWS_WITH(clopper_pearson_interval(3, 2, 0.95), Catch::Contains("got 3 of 2"));
  CHECK_THROWS_AS(clopper_pearson_interval(-1, 2, 0.95), InvalidArgument);
  CHECK_THROWS_AS(clopper_pearson_interval(1, 2, 0.0), InvalidArgument);
}

}  // namespace
}  // namespace dsabench::test
