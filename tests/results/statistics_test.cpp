#include "results/statistics.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/base/error.h"
#include "tests/support/random.h"

namespace dsabench::test {
namespace {

bool is_close_to(double actual, double expected) {
  return std::abs(actual - expected) <= 1e-9 * std::max(1.0, std::abs(expected));
}

/// P(fewer than k of n fair coins show heads), summed term by term.
long double tail(int n, int k) {
  long double sum = 0, term = std::pow(0.5L, n);
  for (int i = 0; i < k; ++i) {
    sum += term;
    term = term * static_cast<long double>(n - i) / static_cast<long double>(i + 1);
  }
  return sum;
}

TEST_CASE("nothing summarises to zeros") {
  const Summary summary = summarize({});
  CHECK(summary.count == 0);
  CHECK(summary.median == 0);
  CHECK(summary.median_high == 0);
  CHECK(quantile({}, 0.5) == 0);
}

TEST_CASE("a summary by hand") {
  const std::vector<std::int64_t> values = {9, 1, 4, 2};
  const Summary summary = summarize(values);
  CHECK(summary.count == 4);
  CHECK(summary.median == 3);
  CHECK(summary.mean == 4);
  CHECK(is_close_to(summary.stdev, std::sqrt(38.0 / 3)));
  CHECK(summary.minimum == 1);
  CHECK(summary.maximum == 9);
  CHECK(summary.median_low == 1);
  CHECK(summary.median_high == 9);
  CHECK(summarize(std::vector<std::int64_t>{7}).stdev == 0);
}

TEST_CASE("the median's interval is the narrowest symmetric one that covers 95 %") {
  DSABENCH_SEEDED(random);
  for (int n = 1; n <= 300; ++n) {
    CAPTURE(n);
    std::vector<std::int64_t> values;
    for (int i = 0; i < n; ++i) values.push_back(i);
    for (std::size_t i = values.size() - 1; i > 0; --i) {
      std::swap(values[i],
                values[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(i)))]);
    }
    int cut = 0;
    while (cut + 1 <= n / 2 && tail(n, cut + 1) <= 0.025L) ++cut;
    const int first = std::max(cut, 1) - 1;
    const Summary summary = summarize(values);
    CHECK(summary.median_low == first);
    CHECK(summary.median_high == n - 1 - first);
    CHECK(summary.median == (n - 1) / 2.0);
  }
  // Tables in textbooks: ranks 2 and 9 of 10, 6 and 15 of 20, 40 and 61 of 100.
  CHECK(tail(10, 2) <= 0.025L);
  CHECK(tail(20, 6) <= 0.025L);
  CHECK(tail(100, 40) <= 0.025L);
}

TEST_CASE("the median's interval covers the median in 95 % of draws") {
  DSABENCH_SEEDED(random);
  constexpr int kDraws = 4000, kSize = 25;
  int covered = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<std::int64_t> values;
    for (int i = 0; i < kSize; ++i) {
      values.push_back(std::llround(1e6 * std::exp(random.normal())));
    }
    const Summary summary = summarize(values);
    covered += summary.median_low <= 1e6 && 1e6 <= summary.median_high;
  }
  // Exact coverage at 25 samples is 95.67 %; six standard errors of 4,000 draws are 1.9 %.
  CHECK(std::abs(covered / double(kDraws) - 0.9567) < 0.02);
}

TEST_CASE("quantiles agree with their definition") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(random.integer(1, 40)));
    for (auto& value : values) value = random.integer(-1000, 1000);
    const double q = random.uniform();
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    const double h = q * static_cast<double>(sorted.size() - 1);
    const double below = sorted[static_cast<std::size_t>(std::floor(h))];
    const double above = sorted[static_cast<std::size_t>(std::ceil(h))];
    CHECK(is_close_to(quantile(values, q),
                      below * (std::ceil(h) == h ? 1 : std::ceil(h) - h) +
                          (std::ceil(h) == h ? 0 : above * (h - std::floor(h)))));
  }
  const std::vector<std::int64_t> values = {10, 20, 30, 40};
  CHECK(quantile(values, 0.0) == 10);
  CHECK(quantile(values, 1.0) == 40);
  CHECK(is_close_to(quantile(values, 0.25), 17.5));
  CHECK_THROWS_AS(quantile(values, 1.5), InvalidArgument);
  CHECK_THROWS_AS(quantile(values, std::nan("")), InvalidArgument);
}

TEST_CASE("Wilson's interval solves its equation and stays in [0, 1]") {
  for (const std::int64_t count : {1, 2, 10, 57, 1000}) {
    for (std::int64_t right = 0; right <= count; ++right) {
      const double mean = double(right) / double(count);
      const Interval interval = wilson_interval(mean, count);
      CAPTURE(count, right);
      CHECK(interval.low >= 0);
      CHECK(interval.high <= 1);
      CHECK(interval.low <= mean + 1e-12);
      CHECK(interval.high >= mean - 1e-12);
      for (const double bound : {interval.low, interval.high}) {
        // |mean - bound| = z sqrt(bound (1 - bound) / n)
        const double left = (mean - bound) * (mean - bound);
        const double z2 = 3.841458820694124;
        CHECK(std::abs(left - z2 * bound * (1 - bound) / double(count)) < 1e-9);
      }
    }
  }
  CHECK(wilson_interval(0, 0).high == 1);
}

}  // namespace
}  // namespace dsabench::test
