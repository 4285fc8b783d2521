#include "results/statistics/walsh.h"

#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <map>
#include <mutex>
#include <numeric>

#include "results/statistics/order_statistic.h"

namespace dsabench::statistics {
namespace {

/// Half of each before the sum: no overflow, and monotone in both.
double walsh_average(double a, double b) { return a / 2 + b / 2; }

}  // namespace

Probabilities signed_sum_probabilities(std::span<const std::int64_t> ranks) {
  const std::int64_t total = std::accumulate(ranks.begin(), ranks.end(), std::int64_t{0});
  Probabilities probabilities(static_cast<std::size_t>(total) + 1);
  probabilities[0] = 1;
  std::size_t reached = 0;
  for (const std::int64_t rank : ranks) {
    const auto step = static_cast<std::size_t>(rank);
    reached += step;
    for (std::size_t sum = reached; sum >= step; --sum) {
      probabilities[sum] = (probabilities[sum] + probabilities[sum - step]) / 2;
    }
    for (std::size_t sum = 0; sum < step; ++sum) probabilities[sum] /= 2;
  }
  return probabilities;
}

SignedRankNull::SignedRankNull(std::int64_t num_pairs) : num_pairs_(num_pairs) {
  if (num_pairs > kMostExactPairs) return;
  std::vector<std::int64_t> ranks(static_cast<std::size_t>(num_pairs));
  std::iota(ranks.begin(), ranks.end(), std::int64_t{1});
  cumulative_ = signed_sum_probabilities(ranks);
  std::partial_sum(cumulative_.begin(), cumulative_.end(), cumulative_.begin());
}

double SignedRankNull::at_most(std::int64_t limit) const {
  if (limit < 0) return 0;
  if (!cumulative_.empty()) {
    const std::size_t last = cumulative_.size() - 1;
    return std::min(1.0, cumulative_[std::min(static_cast<std::size_t>(limit), last)]);
  }
  const auto n = static_cast<double>(num_pairs_);
  const double mean = n * (n + 1) / 4, sd = std::sqrt(n * (n + 1) * (2 * n + 1) / 24);
  return boost::math::cdf(boost::math::normal(), (static_cast<double>(limit) + 0.5 - mean) / sd);
}

std::int64_t SignedRankNull::largest_within(double tail, bool strictly) const {
  std::int64_t low = -1, high = num_pairs_ * (num_pairs_ + 1) / 2;
  while (low < high) {
    const std::int64_t middle = low + (high - low + 1) / 2;
    const double p = at_most(middle);
    if (strictly ? p < tail : p <= tail) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

const SignedRankNull& signed_rank_null(std::int64_t num_pairs) {
  static std::mutex mutex;
  static std::map<std::int64_t, SignedRankNull> made;  // whose nodes stay where they are
  const std::lock_guard lock(mutex);
  return made.try_emplace(num_pairs, num_pairs).first->second;
}

std::int64_t WalshAverages::count() const {
  const auto n = static_cast<std::int64_t>(sorted_.size());
  return n * (n + 1) / 2;
}

/// For each value the partners from it onwards whose average is within the limit: as values grow,
/// fewer.
std::int64_t WalshAverages::count_at_most(double limit) const {
  std::int64_t count = 0;
  std::size_t end = sorted_.size();
  for (std::size_t i = 0; i < end; ++i) {
    while (end > i && !(walsh_average(sorted_[i], sorted_[end - 1]) <= limit)) --end;
    count += static_cast<std::int64_t>(end - i);
  }
  return count;
}

double WalshAverages::kth(std::int64_t k) const {
  return kth_smallest(k, walsh_average(sorted_.front(), sorted_.front()),
                      walsh_average(sorted_.back(), sorted_.back()),
                      [&](double limit) { return count_at_most(limit); });
}

double WalshAverages::median() const {
  return middle_of(count(), walsh_average(sorted_.front(), sorted_.front()),
                   walsh_average(sorted_.back(), sorted_.back()),
                   [&](double limit) { return count_at_most(limit); });
}

}  // namespace dsabench::statistics
