#include "results/statistics/change_point.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "kernels/base/error.h"
#include "results/statistics/ranks.h"
#include "results/statistics/splitmix.h"

namespace dsabench {
namespace {

/// Sums of |value - seen| over the values seen so far: a Fenwick tree over their ranks.
class SeenValues {
 public:
  explicit SeenValues(std::size_t size) : counts_(size + 1), sums_(size + 1) {}

  void add(std::size_t rank, double value) {
    ++count_;
    sum_ += value;
    for (std::size_t i = rank + 1; i < counts_.size(); i += i & (~i + 1)) {
      ++counts_[i];
      sums_[i] += value;
    }
  }
  double distance(std::size_t rank, double value) const {
    double count = 0, sum = 0;  // of those at or below
    for (std::size_t i = rank + 1; i > 0; i -= i & (~i + 1)) {
      count += counts_[i];
      sum += sums_[i];
    }
    return value * count - sum + (sum_ - sum) - value * (count_ - count);
  }

 private:
  std::vector<double> counts_, sums_;
  double count_ = 0, sum_ = 0;
};

struct Split {
  std::size_t position = 0;
  double distance = 0;
};

/// A stretch of the series, its values' ranks and summed distances to all others: what every order
/// of them shares.
class Stretch {
 public:
  explicit Stretch(std::span<const double> values) : values_(values.begin(), values.end()) {
    std::vector<double> sorted = values_;
    std::sort(sorted.begin(), sorted.end());
    const double middle = sorted[sorted.size() / 2];  // differences keep more digits about zero
    for (double& value : sorted) value -= middle;
    for (double& value : values_) value -= middle;
    SeenValues all(sorted.size());
    for (std::size_t i = 0; i < sorted.size(); ++i) all.add(i, sorted[i]);
    for (const double value : values_) {
      const auto above = std::upper_bound(sorted.begin(), sorted.end(), value);
      ranks_.push_back(static_cast<std::size_t>(above - sorted.begin()) - 1);
      to_all_.push_back(all.distance(ranks_.back(), value));
    }
    total_ = std::accumulate(to_all_.begin(), to_all_.end(), 0.0) / 2;
  }

  std::size_t size() const { return values_.size(); }

  /// The split with the largest scaled energy distance of the values taken in `order`.
  Split best_split(const std::vector<std::size_t>& order, std::size_t shortest) const {
    SeenValues left(size());
    double within_left = 0, within_right = total_;
    Split best;
    for (std::size_t taken = 0; taken + shortest < size();) {
      const std::size_t i = order[taken++];
      const double to_left = left.distance(ranks_[i], values_[i]);
      within_left += to_left;
      within_right -= to_all_[i] - to_left;
      left.add(ranks_[i], values_[i]);
      if (taken < shortest) continue;
      const double distance = energy(taken, within_left, within_right);
      if (best.position == 0 || distance > best.distance) best = {taken, distance};
    }
    return best;
  }

 private:
  double energy(std::size_t taken, double within_left, double within_right) const {
    const auto m = static_cast<double>(taken), n = static_cast<double>(size() - taken);
    const double between = total_ - within_left - within_right;
    const double e =
        2 * between / (m * n) - within_left / (m * (m - 1) / 2) - within_right / (n * (n - 1) / 2);
    return m * n / (m + n) * e;
  }

  std::vector<double> values_;
  std::vector<std::size_t> ranks_;
  std::vector<double> to_all_;
  double total_ = 0;  ///< over pairs
};

class Scan {
 public:
  Scan(std::span<const double> values, const ChangePointOptions& options)
      : values_(values), options_(options), random_(options.seed) {}

  /// Adds the change points in [begin, end) to `found`, by position.
  void search(std::size_t begin, std::size_t end, std::vector<ChangePoint>& found) {
    const auto shortest = static_cast<std::size_t>(options_.shortest);
    if (end - begin < 2 * shortest) return;
    const Stretch stretch(values_.subspan(begin, end - begin));
    std::vector<std::size_t> order(stretch.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const Split split = stretch.best_split(order, shortest);
    const std::optional<double> p = permutation_p(stretch, split.distance, std::move(order));
    if (!p) return;
    const std::size_t position = begin + split.position;
    search(begin, position, found);
    found.push_back({static_cast<std::int64_t>(position), 0, 0, *p});
    search(position, end, found);
  }

 private:
  /// (1 + orders that reach it) / (1 + orders drawn), none as soon as it cannot be within alpha.
  std::optional<double> permutation_p(const Stretch& stretch, double distance,
                                      std::vector<std::size_t> order) {
    const auto shortest = static_cast<std::size_t>(options_.shortest);
    const auto num_orders = static_cast<double>(options_.num_permutations) + 1;
    // The same partition summed in another order is not to count as a smaller distance.
    const double reached = distance - 1e-9 * std::abs(distance);
    double count = 1;
    for (std::int64_t i = 0; i < options_.num_permutations; ++i) {
      for (std::size_t last = order.size() - 1; last > 0; --last) {
        std::swap(order[last], order[random_.index(last + 1)]);
      }
      count += stretch.best_split(order, shortest).distance >= reached;
      if (count / num_orders > options_.alpha) return std::nullopt;
    }
    return count / num_orders;
  }

  std::span<const double> values_;
  const ChangePointOptions& options_;
  statistics::SplitMix random_;
};

double median(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : sorted[half - 1] / 2 + sorted[half] / 2;
}

void require_valid(std::span<const double> values, const ChangePointOptions& options) {
  statistics::require_finite("find_change_points", values);
  statistics::require_open_unit("find_change_points: alpha", options.alpha);
  if (options.shortest < 2) {
    throw InvalidArgument(fmt::format(
        "find_change_points: a stretch must have at least 2 values, got {}", options.shortest));
  }
  if (options.num_permutations < 1) {
    throw InvalidArgument(fmt::format("find_change_points: expected at least 1 permutation, got {}",
                                      options.num_permutations));
  }
}

}  // namespace

std::vector<ChangePoint> find_change_points(std::span<const double> values,
                                            const ChangePointOptions& options) {
  require_valid(values, options);
  std::vector<ChangePoint> found;
  Scan(values, options).search(0, values.size(), found);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto begin = i == 0 ? std::size_t{0} : static_cast<std::size_t>(found[i - 1].position);
    const auto here = static_cast<std::size_t>(found[i].position);
    const auto end =
        i + 1 == found.size() ? values.size() : static_cast<std::size_t>(found[i + 1].position);
    found[i].before = median(values.subspan(begin, here - begin));
    found[i].after = median(values.subspan(here, end - here));
  }
  return found;
}

}  // namespace dsabench
