#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "results/comparison_record.h"

namespace dsabench {

/// The turns of a round. Depends on seed and round alone, so that an order can be drawn again from
/// what is stored; every order of the arms is equally likely, whatever other rounds drew.
std::vector<Arm> order_of_round(std::span<const Arm> arms, std::uint64_t seed, std::int64_t round);

/// When a comparison is looked at.
struct LookPlan {
  std::vector<std::int64_t> pairs;  ///< at each look, ascending
  double alpha_share = 1;           ///< of each look
  std::int64_t fewest_pairs = 0;    ///< whose smallest p passes Holm's strictest step in one look
};
/// Looks that can decide: those at fewer pairs than `num_tests` tests at `alpha` need are put off
/// until there are as many. `asked` is ascending (check_looks), num_tests at least 1. A share is
/// one over the number of looks, whether or not all of them come to pass (Bonferroni).
LookPlan plan_looks(const std::vector<std::int64_t>& asked, double alpha, std::int64_t num_tests);

/// Throws InvalidArgument, naming --looks, for numbers that do not rise and for more than
/// kMostPairs.
inline constexpr std::int64_t kMostPairs = 10'000;
void check_looks(const std::vector<std::int64_t>& looks);

}  // namespace dsabench
