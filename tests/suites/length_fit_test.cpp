#include "suites/length_fit.h"

#include "tests/support/random.h"

namespace dsabench {
namespace {

/// Costs that grow by random steps, so that the answer of a linear scan is known.
std::vector<std::int64_t> random_costs(test::Random& random, std::int64_t count) {
  const std::int64_t largest_step = random.choice(std::vector<std::int64_t>{0, 1, 7, 100, 5'000});
  std::vector<std::int64_t> costs(static_cast<std::size_t>(count));
  std::int64_t cost = random.integer(0, 1'000);
  for (std::int64_t& value : costs) value = cost += random.integer(0, largest_step);
  return costs;
}

TEST_CASE("fit_units finds what a linear scan finds") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 300; ++round) {
    const std::int64_t min = random.integer(1, 50), max = min + random.integer(0, 3'000);
    const std::vector<std::int64_t> costs = random_costs(random, max + 1);
    const auto cost = [&](std::int64_t n) { return costs.at(static_cast<std::size_t>(n)); };
    const std::int64_t limit = random.integer(cost(min), costs.back() + 10);
    std::int64_t expected = min;
    while (expected < max && cost(expected + 1) <= limit) ++expected;
    CAPTURE(min, max, limit);
    CHECK(fit_units({min, max}, limit, cost) == expected);
  }
}

TEST_CASE("fit_units needs few evaluations where cost is nearly linear") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 100; ++round) {
    const std::int64_t per_unit = random.integer(1, 100), base = random.integer(0, 500);
    const std::int64_t limit = base + random.integer(per_unit, 10'000'000);
    std::int64_t evaluations = 0;
    const auto cost = [&](std::int64_t n) {
      ++evaluations;
      return base + per_unit * n;
    };
    const std::int64_t units = fit_units({1, std::int64_t{1} << 31}, limit, cost);
    CAPTURE(per_unit, base, limit);
    CHECK(units == (limit - base) / per_unit);
    CHECK(evaluations <= 12);
  }
}

TEST_CASE("fit_units stops at the end of the range") {
  CHECK(fit_units({3, 3}, 10, [](std::int64_t) { return 1; }) == 3);
  CHECK(fit_units({1, 1'000}, 10, [](std::int64_t) { return 1; }) == 1'000);
}

}  // namespace
}  // namespace dsabench
