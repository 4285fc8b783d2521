#include "results/statistics/power.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "kernels/base/error.h"
#include "results/statistics/ranks.h"
#include "results/statistics/signed_rank.h"
#include "results/statistics/splitmix.h"
#include "results/statistics/walsh.h"

namespace dsabench {
namespace {

constexpr std::int64_t kMostDrawnPairs = 100;
constexpr int kDraws = 8000;
constexpr std::uint64_t kSeed = 1;

/// One draw of standard normal noise. A shift d beyond `for_test` makes the test reject, and the
/// estimate is d + `estimate`.
struct Draw {
  double for_test = 0, estimate = 0;
};

/// W+ counts the Walsh averages above zero, so it reaches w once the w-th largest does.
std::vector<Draw> draw_shifts(std::int64_t num_pairs, double alpha) {
  const statistics::SignedRankNull& null = statistics::signed_rank_null(num_pairs);
  const std::int64_t within = null.largest_within(alpha, true);  // of W-, as W+ is symmetric
  statistics::SplitMix random(kSeed);
  const boost::math::normal normal;
  std::vector<double> noise(static_cast<std::size_t>(num_pairs));
  std::vector<Draw> draws;
  for (int i = 0; i < kDraws; ++i) {
    for (double& value : noise) value = boost::math::quantile(normal, random.open_unit());
    std::sort(noise.begin(), noise.end());
    const statistics::WalshAverages averages(noise);
    draws.push_back({-averages.kth(within + 1), averages.median()});
  }
  return draws;
}

/// Pure, but a tenth of a second: a gate asks the same of each of its metrics.
const std::vector<Draw>& kept_draws(std::int64_t num_pairs, double alpha) {
  static std::mutex mutex;
  static std::map<std::pair<std::int64_t, double>, std::vector<Draw>> kept;
  const std::lock_guard lock(mutex);
  std::vector<Draw>& draws = kept[{num_pairs, alpha}];
  if (draws.empty()) draws = draw_shifts(num_pairs, alpha);
  return draws;
}

double drawn_shift(double sd, std::int64_t num_pairs, double alpha, double power,
                   double log_margin) {
  std::vector<double> needed;
  for (const Draw& draw : kept_draws(num_pairs, alpha)) {
    needed.push_back(std::max(sd * draw.for_test, log_margin - sd * draw.estimate));
  }
  const auto count = static_cast<double>(needed.size());
  const auto place = static_cast<std::ptrdiff_t>(std::min(count - 1, std::ceil(power * count) - 1));
  std::nth_element(needed.begin(), needed.begin() + place, needed.end());
  return needed[static_cast<std::size_t>(place)];
}

double normal_shift(double sd, std::int64_t num_pairs, double alpha, double power,
                    double log_margin) {
  const boost::math::normal normal;
  const double efficiency = 3 / boost::math::constants::pi<double>();
  const double error = sd / std::sqrt(static_cast<double>(num_pairs) * efficiency);
  const double at_alpha = boost::math::quantile(boost::math::complement(normal, alpha));
  return std::max(at_alpha * error, log_margin) + boost::math::quantile(normal, power) * error;
}

void require_size(const char* what, double value) {
  if (!(value >= 0 && std::isfinite(value))) {
    throw InvalidArgument(
        fmt::format("detectable_slowdown: {} must be 0 or more, got {}", what, value));
  }
}

}  // namespace

double detectable_slowdown(double sd, std::int64_t num_pairs, double alpha, double power,
                           double margin) {
  statistics::require_open_unit("detectable_slowdown: alpha", alpha);
  statistics::require_open_unit("detectable_slowdown: power", power);
  require_size("sd", sd);
  require_size("margin", margin);
  if (num_pairs < fewest_pairs(alpha)) return std::numeric_limits<double>::infinity();
  const auto shift = num_pairs <= kMostDrawnPairs ? drawn_shift : normal_shift;
  return std::max(0.0, std::expm1(shift(sd, num_pairs, alpha, power, std::log1p(margin))));
}

}  // namespace dsabench
