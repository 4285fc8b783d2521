#include "suites/ruler_synth/length_fit.h"

#include <algorithm>

namespace dsabench {
namespace {

constexpr int kInterpolations = 8;  ///< before plain doubling and halving

}  // namespace

std::int64_t fit_units(UnitRange range, std::int64_t limit,
                       const std::function<std::int64_t(std::int64_t)>& cost) {
  std::int64_t fits = range.min, fits_cost = cost(range.min);
  std::int64_t fails = range.max + 1;
  bool bounded = false;           // whether `fails` was seen to fail
  std::int64_t unit_tokens = 32;  // of the last step; the first guess only has to be near
  for (int step = 0; fails - fits > 1; ++step) {
    std::int64_t guess = fits + (limit - fits_cost) / unit_tokens;
    if (step >= kInterpolations) guess = bounded ? fits + (fails - fits) / 2 : 2 * fits + 1;
    guess = std::clamp(guess, fits + 1, fails - 1);
    const std::int64_t guess_cost = cost(guess);
    unit_tokens = std::max<std::int64_t>(1, (guess_cost - fits_cost) / (guess - fits));
    if (guess_cost <= limit) {
      fits = guess;
      fits_cost = guess_cost;
    } else {
      fails = guess;
      bounded = true;
    }
  }
  return fits;
}

}  // namespace dsabench
