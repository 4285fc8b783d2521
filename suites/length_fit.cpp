#include "suites/length_fit.h"

#include <algorithm>

namespace dsabench {
namespace {

constexpr int kInterpolations = 3;
constexpr std::int64_t kFirstGuessTokens = 32;  ///< per unit; only has to be near

}  // namespace

std::int64_t fit_units(UnitRange range, std::int64_t limit,
                       const std::function<std::int64_t(std::int64_t)>& cost) {
  const std::int64_t min_cost = cost(range.min);
  std::int64_t fits = range.min, fails = range.max + 1;
  std::int64_t guess = range.min + (limit - min_cost) / kFirstGuessTokens;
  bool guess_fits = true;
  for (int step = 1; fails - fits > 1; ++step) {
    guess = std::clamp(guess, fits + 1, fails - 1);
    const std::int64_t guess_cost = cost(guess);
    guess_fits = guess_cost <= limit;
    (guess_fits ? fits : fails) = guess;
    if (step < kInterpolations) {
      const std::int64_t tokens = std::max<std::int64_t>(1, guess_cost - min_cost);
      guess = range.min + static_cast<std::int64_t>(static_cast<double>(limit - min_cost) /
                                                    static_cast<double>(tokens) *
                                                    static_cast<double>(guess - range.min));
    } else {
      // The answer is near by now: steps of 1, 2, 4, ... from the guess, until halving is shorter.
      const std::int64_t stride =
          std::min(std::int64_t{1} << std::min(step - kInterpolations, 40), (fails - fits + 1) / 2);
      guess = guess_fits ? fits + stride : fails - stride;
    }
  }
  return fits;
}

std::int64_t insertion_point(std::uint32_t draw, std::int64_t units) {
  return static_cast<std::int64_t>(
      static_cast<std::uint64_t>(draw) * static_cast<std::uint64_t>(units + 1) >> 32);
}

}  // namespace dsabench
