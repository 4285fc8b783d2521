#include "results/statistics/power.h"

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/base/error.h"
#include "results/statistics/signed_rank.h"
#include "tests/support/random.h"
#include "tests/support/sanitized.h"

namespace dsabench::test {
namespace {

/// Share of fresh draws in which a true slowdown is seen: the test rejects, its lower bound lies
/// above zero, and the estimate is beyond the margin.
double simulated_power(Random& random, double slowdown, double sd, int num_pairs, double alpha,
                       double margin, int draws) {
  int seen = 0;
  for (int draw = 0; draw < draws; ++draw) {
    std::vector<double> log_ratios(static_cast<std::size_t>(num_pairs));
    for (double& value : log_ratios) value = std::log1p(slowdown) + random.normal(sd);
    if (!(signed_rank_test(log_ratios).p_greater < alpha)) continue;
    const LocationEstimate estimate = hodges_lehmann(log_ratios, 1 - 2 * alpha);
    seen += estimate.low > 0 && std::expm1(estimate.estimate) > margin;
  }
  return seen / double(draws);
}

TEST_CASE("a detectable slowdown is seen as often as asked for") {
  DSABENCH_SEEDED(random);
  struct Setting {
    double sd;
    int num_pairs;
    double alpha, power, margin;
  };
  for (const Setting& setting :
       {Setting{0.01, 10, 0.01, 0.9, 0}, Setting{0.01, 20, 0.0025, 0.9, 0},
        Setting{0.03, 60, 0.0025, 0.9, 0}, Setting{0.02, 9, 0.0025, 0.9, 0},
        Setting{0.01, 40, 0.0025, 0.9, 0.02}, Setting{0.002, 10, 0.01, 0.9, 0.02},
        Setting{0.05, 20, 0.01 / 160, 0.9, 0.02}, Setting{0.01, 20, 0.01, 0.5, 0}}) {
    const double slowdown = detectable_slowdown(setting.sd, setting.num_pairs, setting.alpha,
                                                setting.power, setting.margin);
    constexpr int kDraws = kSanitized ? 1000 : 4000;
    const double power = simulated_power(random, slowdown, setting.sd, setting.num_pairs,
                                         setting.alpha, setting.margin, kDraws);
    CAPTURE(setting.sd, setting.num_pairs, setting.alpha, setting.margin, slowdown, power);
    // 1 % of its own draws, and five standard errors of these.
    const double error = std::sqrt(setting.power * (1 - setting.power) / kDraws);
    CHECK(std::abs(power - setting.power) < 0.012 + 5 * error);
    CHECK(slowdown > setting.margin);
  }
}

TEST_CASE("beyond the drawn sizes the slowdown follows the test's efficiency") {
  DSABENCH_SEEDED(random);
  constexpr int kDraws = kSanitized ? 500 : 3000;
  for (const int pairs : {120, 450}) {
    const double slowdown = detectable_slowdown(0.05, pairs, 0.01, 0.9);
    const double power = simulated_power(random, slowdown, 0.05, pairs, 0.01, 0, kDraws);
    CAPTURE(pairs, slowdown, power);
    CHECK(std::abs(power - 0.9) < 0.01 + 5 * std::sqrt(0.09 / kDraws));
  }
  // Without a step where draws end and the formula begins.
  for (const double margin : {0.0, 0.02}) {
    const double drawn = detectable_slowdown(0.05, 100, 0.01, 0.9, margin);
    const double normal = detectable_slowdown(0.05, 101, 0.01, 0.9, margin);
    CAPTURE(margin, drawn, normal);
    CHECK(std::abs(drawn / normal - 1) < 0.03);
  }
}

TEST_CASE("a detectable slowdown falls with pairs and grows with noise") {
  double last = std::numeric_limits<double>::infinity();
  for (const std::int64_t pairs : {7, 10, 20, 40, 60, 120, 500, 5000}) {
    const double slowdown = detectable_slowdown(0.02, pairs, 0.01, 0.9);
    CHECK(slowdown < last);
    CHECK(slowdown < detectable_slowdown(0.04, pairs, 0.01, 0.9));
    CHECK(slowdown < detectable_slowdown(0.02, pairs, 0.01, 0.95));
    CHECK(slowdown == detectable_slowdown(0.02, pairs, 0.01, 0.9));
    last = slowdown;
  }
  CHECK(last < 0.002);
}

TEST_CASE("a detectable slowdown without noise, and with too few pairs") {
  CHECK(detectable_slowdown(0, 10, 0.01, 0.9) == 0);
  CHECK(std::abs(detectable_slowdown(0, 10, 0.01, 0.9, 0.02) - 0.02) < 1e-12);
  CHECK(std::isinf(detectable_slowdown(0.01, 6, 0.01, 0.9)));
  CHECK(std::isfinite(detectable_slowdown(0.01, 7, 0.01, 0.9)));
  CHECK(std::isinf(detectable_slowdown(0, 0, 0.01, 0.9)));
}

TEST_CASE("a detectable slowdown refuses what makes no sense") {
  CHECK_THROWS_AS(detectable_slowdown(-0.1, 10, 0.01, 0.9), InvalidArgument);
  CHECK_THROWS_AS(detectable_slowdown(std::nan(""), 10, 0.01, 0.9), InvalidArgument);
  CHECK_THROWS_AS(detectable_slowdown(0.1, 10, 0.0, 0.9), InvalidArgument);
  CHECK_THROWS_AS(detectable_slowdown(0.1, 10, 0.01, 1.0), InvalidArgument);
  CHECK_THROWS_AS(detectable_slowdown(0.1, 10, 0.01, 0.9, -0.01), InvalidArgument);
}

}  // namespace
}  // namespace dsabench::test
