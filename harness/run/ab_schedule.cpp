#include "harness/run/ab_schedule.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/base/error.h"
#include "results/statistics/signed_rank.h"
#include "suites/counter_random.h"

namespace dsabench {

std::vector<Arm> order_of_round(std::span<const Arm> arms, std::uint64_t seed, std::int64_t round) {
  std::vector<Arm> order(arms.begin(), arms.end());
  CounterRandom(seed).stream("order").stream(static_cast<std::uint64_t>(round)).shuffle(order);
  return order;
}

LookPlan plan_looks(const std::vector<std::int64_t>& asked, double alpha, std::int64_t num_tests) {
  LookPlan plan;
  const auto count = static_cast<double>(asked.size());
  plan.fewest_pairs =
      num_tests == 0 ? 1 : fewest_pairs(alpha / (count * static_cast<double>(num_tests)));
  for (const std::int64_t pairs : asked) {
    const std::int64_t at = std::max(pairs, plan.fewest_pairs);
    if (plan.pairs.empty() || at > plan.pairs.back()) plan.pairs.push_back(at);
  }
  plan.alpha_share = 1.0 / static_cast<double>(plan.pairs.size());
  return plan;
}

void check_looks(const std::vector<std::int64_t>& looks) {
  std::int64_t before = 0;
  for (const std::int64_t pairs : looks) {
    if (pairs <= before) {
      throw InvalidArgument(fmt::format(
          "--looks: pairs must rise from look to look, got {} after {}", pairs, before));
    }
    before = pairs;
  }
  if (before > kMostPairs) {
    throw InvalidArgument(fmt::format("--looks: at most {} pairs, got {}", kMostPairs, before));
  }
}

}  // namespace dsabench
