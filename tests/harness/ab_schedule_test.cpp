#include "harness/run/ab_schedule.h"

#include <array>
#include <cmath>
#include <map>

#include "kernels/base/error.h"
#include "tests/support/error_message.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

constexpr std::array<Arm, 3> kArms{Arm::base, Arm::twin, Arm::candidate};

TEST_CASE("an order depends on seed and round alone") {
  DSABENCH_SEEDED(random);
  const auto seed = static_cast<std::uint64_t>(random.integer(0, INT64_MAX));
  std::vector<std::vector<Arm>> forward, backward(100);
  for (std::int64_t round = 0; round < 100; ++round) {
    forward.push_back(order_of_round(kArms, seed, round));
  }
  for (std::int64_t round = 99; round >= 0; --round) {
    backward[static_cast<std::size_t>(round)] = order_of_round(kArms, seed, round);
  }
  CHECK(forward == backward);
  std::int64_t as_other_seed = 0;
  for (std::int64_t round = 0; round < 100; ++round) {
    as_other_seed +=
        order_of_round(kArms, seed + 1, round) == forward[static_cast<std::size_t>(round)];
  }
  CHECK(as_other_seed < 50);  // one in six
}

TEST_CASE("every order of the arms comes as often as any other") {
  DSABENCH_SEEDED(random);
  const auto seed = static_cast<std::uint64_t>(random.integer(0, INT64_MAX));
  for (const std::size_t count : {2u, 3u}) {
    const std::span<const Arm> arms = std::span(kArms).first(count);
    constexpr double kRounds = 60'000;
    std::map<std::vector<Arm>, double> counts;
    for (std::int64_t round = 0; round < kRounds; ++round) {
      std::vector<Arm> order = order_of_round(arms, seed, round);
      ++counts[order];
      std::sort(order.begin(), order.end());
      REQUIRE(std::equal(order.begin(), order.end(), arms.begin(), arms.end()));
    }
    const double orders = count == 2 ? 2 : 6;
    REQUIRE(counts.size() == orders);
    // Chi-square with at most 5 degrees of freedom: above 43 with p = 4e-8.
    double chi = 0;
    for (const auto& [order, seen] : counts) {
      chi += (seen - kRounds / orders) * (seen - kRounds / orders) / (kRounds / orders);
    }
    CHECK(!(chi > 43));
  }
}

TEST_CASE("looks that could not decide are put off until there are pairs enough") {
  // 0.01 / 4 looks / 2 tests = 0.00125 > 2^-10.
  LookPlan plan = plan_looks({10, 20, 40, 60}, 0.01, 2);
  CHECK(plan.fewest_pairs == 10);
  CHECK(plan.pairs == std::vector<std::int64_t>{10, 20, 40, 60});
  CHECK(plan.alpha_share == 0.25);
  // 40 tests: 0.01 / 160 > 2^-14.
  plan = plan_looks({10, 20, 40, 60}, 0.01, 40);
  CHECK(plan.pairs == std::vector<std::int64_t>{14, 20, 40, 60});
  // Looks that fall together are one.
  plan = plan_looks({2, 3, 4, 30}, 0.01, 1);
  CHECK(plan.fewest_pairs == 9);
  CHECK(plan.pairs == std::vector<std::int64_t>{9, 30});
  CHECK(plan.alpha_share == 0.5);
  CHECK(plan_looks({1, 2}, 0.01, 0).pairs == std::vector<std::int64_t>{1, 2});
  for (std::int64_t tests = 1; tests < 200; tests += 7) {
    plan = plan_looks({5, 10, 100}, 0.01, tests);
    const double level = 0.01 * plan.alpha_share / static_cast<double>(tests);
    CHECK(std::ldexp(1.0, -static_cast<int>(plan.pairs.front())) < level);
  }
}

TEST_CASE("looks that do not rise are refused") {
  using test::contains;
  using test::message_of;
  CHECK(contains(message_of<InvalidArgument>([] { check_looks({10, 10}); }), "got 10 after 10"));
  CHECK(contains(message_of<InvalidArgument>([] { check_looks({20, 10}); }), "--looks"));
  CHECK(contains(message_of<InvalidArgument>([] { check_looks({10'001}); }), "at most 10000"));
  CHECK_NOTHROW(check_looks({1, 2, 10'000}));
}

}  // namespace
}  // namespace dsabench
