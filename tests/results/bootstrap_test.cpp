#include "results/statistics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/base/error.h"
#include "tests/support/random.h"

namespace dsabench::test {
namespace {

std::vector<std::int64_t> one_each(std::size_t size) {
  std::vector<std::int64_t> clusters(size);
  std::iota(clusters.begin(), clusters.end(), 0);
  return clusters;
}

/// P(Binomial(n, p) <= k).
double binomial_at_most(int k, int n, double p) {
  double sum = 0, term = std::pow(1 - p, n);
  for (int i = 0; i <= k; ++i) {
    sum += term;
    term *= p / (1 - p) * double(n - i) / double(i + 1);
  }
  return sum;
}

TEST_CASE("the bootstrap of right/wrong answers is a binomial distribution") {
  // 8 of 20 right: a resample's mean times 20 is Binomial(20, 0.4).
  std::vector<double> values(20, 0.0);
  std::fill_n(values.begin(), 8, 1.0);
  for (const double confidence : {0.8, 0.95}) {
    BootstrapOptions options;
    options.num_resamples = 100'000;
    options.confidence = confidence;
    const BootstrapMean result = cluster_bootstrap_mean(values, one_each(20), options);
    CHECK(std::abs(result.mean - 0.4) < 1e-12);
    const auto quantile = [](double q) {
      int k = 0;
      while (binomial_at_most(k, 20, 0.4) < q) ++k;
      return k / 20.0;
    };
    const double tail = (1 - confidence) / 2;
    CHECK(std::abs(result.interval.low - quantile(tail)) < 1e-9);
    CHECK(std::abs(result.interval.high - quantile(1 - tail)) < 1e-9);
  }
}

TEST_CASE("the bootstrap over three values agrees with all 27 resamples") {
  const std::vector<double> values = {0, 1, 10};
  std::vector<double> means;
  for (const double a : values) {
    for (const double b : values) {
      for (const double c : values) means.push_back((a + b + c) / 3);
    }
  }
  std::sort(means.begin(), means.end());
  BootstrapOptions options;
  options.num_resamples = 200'000;
  options.confidence = 0.8;  // the tails' ends lie within steps, not at their edges
  const BootstrapMean result = cluster_bootstrap_mean(values, one_each(3), options);
  CHECK(std::abs(result.interval.low - means[2]) < 1e-9);  // 10 % of 27: the third
  CHECK(std::abs(result.interval.high - means[24]) < 1e-9);
}

TEST_CASE("a cluster is drawn whole") {
  // Ten questions of five equal repeats each: as wide as ten values, not as fifty.
  DSABENCH_SEEDED(random);
  std::vector<double> questions(10), values;
  std::vector<std::int64_t> clusters;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    questions[i] = random.normal();
    for (int repeat = 0; repeat < 5; ++repeat) {
      values.push_back(questions[i]);
      clusters.push_back(std::int64_t(i));
    }
  }
  const BootstrapMean of_clusters = cluster_bootstrap_mean(values, clusters);
  const BootstrapMean of_questions = cluster_bootstrap_mean(questions, one_each(10));
  const BootstrapMean of_values = cluster_bootstrap_mean(values, one_each(50));
  CHECK(std::abs(of_clusters.interval.low - of_questions.interval.low) < 1e-12);
  CHECK(std::abs(of_clusters.interval.high - of_questions.interval.high) < 1e-12);
  const auto width = [](const BootstrapMean& result) {
    return result.interval.high - result.interval.low;
  };
  CHECK(width(of_values) < 0.6 * width(of_clusters));
  // The variance of the mean over drawn questions is that of the questions / 10.
  double variance = 0;
  for (const double value : questions) {
    variance += (value - of_questions.mean) * (value - of_questions.mean) / 100;
  }
  CHECK(std::abs(width(of_clusters) / (2 * 1.96 * std::sqrt(variance)) - 1) < 0.15);
}

TEST_CASE("a mean over clusters of many sizes counts values, not clusters") {
  const std::vector<double> values = {1, 1, 1, 0};
  const BootstrapMean result =
      cluster_bootstrap_mean(values, std::vector<std::int64_t>{0, 0, 0, 1});
  CHECK(result.mean == 0.75);
  CHECK(result.interval.low == 0);
  CHECK(result.interval.high == 1);
}

TEST_CASE("the bootstrap's draws are those of its seed") {
  DSABENCH_SEEDED(random);
  std::vector<double> values(40);
  for (double& value : values) value = random.normal();
  BootstrapOptions options;
  const BootstrapMean first = cluster_bootstrap_mean(values, one_each(40), options);
  const BootstrapMean again = cluster_bootstrap_mean(values, one_each(40), options);
  options.seed = 2;
  const BootstrapMean other = cluster_bootstrap_mean(values, one_each(40), options);
  CHECK(first.interval.low == again.interval.low);
  CHECK(first.interval.high == again.interval.high);
  CHECK(first.interval.low != other.interval.low);
  CHECK(std::abs(first.interval.low - other.interval.low) < 0.05);
}

TEST_CASE("the cluster bootstrap covers about as often as it says") {
  DSABENCH_SEEDED(random);
  constexpr int kDraws = 1000;
  int covered = 0;
  BootstrapOptions options;
  options.num_resamples = 1000;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<double> values;
    std::vector<std::int64_t> clusters;
    for (std::int64_t question = 0; question < 60; ++question) {
      const double level = random.normal();
      for (std::int64_t repeat = random.integer(1, 4); repeat > 0; --repeat) {
        values.push_back(level + random.normal(0.5));
        clusters.push_back(question);
      }
    }
    options.seed = static_cast<std::uint64_t>(draw);
    const Interval interval = cluster_bootstrap_mean(values, clusters, options).interval;
    covered += interval.low <= 0 && 0 <= interval.high;
  }
  // The percentile bootstrap of 60 clusters falls a little short of 95 %; five standard errors.
  CHECK(covered / double(kDraws) > 0.935 - 5 * std::sqrt(0.05 * 0.95 / kDraws));
  CHECK(covered / double(kDraws) < 0.95 + 5 * std::sqrt(0.05 * 0.95 / kDraws));
}

TEST_CASE("the bootstrap refuses what it cannot draw from") {
  const std::vector<double> values = {1, 2, 3};
  using Clusters = std::vector<std::int64_t>;
  CHECK_THROWS_AS(cluster_bootstrap_mean({}, {}), InvalidArgument);
  CHECK_THROWS_WITH(cluster_bootstrap_mean(values, Clusters{0, 1}),
                    Catch::Contains("got 3 values and 2 clusters"));
  CHECK_THROWS_WITH(cluster_bootstrap_mean(values, Clusters{0, 2, 2}),
                    Catch::Contains("cluster 1 has no value"));
  CHECK_THROWS_AS(cluster_bootstrap_mean(values, Clusters{0, 1, 3}), InvalidArgument);
  CHECK_THROWS_AS(cluster_bootstrap_mean(values, Clusters{-1, 0, 1}), InvalidArgument);
  CHECK_THROWS_AS(cluster_bootstrap_mean(std::vector<double>{1, std::nan("")}, Clusters{0, 1}),
                  InvalidArgument);
  BootstrapOptions few;
  few.num_resamples = 99;
  CHECK_THROWS_AS(cluster_bootstrap_mean(values, one_each(3), few), InvalidArgument);
  BootstrapOptions sure;
  sure.confidence = 1;
  CHECK_THROWS_AS(cluster_bootstrap_mean(values, one_each(3), sure), InvalidArgument);
}

}  // namespace
}  // namespace dsabench::test
