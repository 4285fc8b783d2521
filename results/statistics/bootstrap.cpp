#include "results/statistics/bootstrap.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "kernels/base/error.h"
#include "results/statistics/ranks.h"
#include "results/statistics/splitmix.h"

namespace dsabench {
namespace {

constexpr std::int64_t kMinResamples = 100;

struct Cluster {
  double sum = 0;
  std::int64_t count = 0;
};

std::vector<Cluster> gather(std::span<const double> values,
                            std::span<const std::int64_t> clusters) {
  const auto size = static_cast<std::int64_t>(values.size());
  if (values.empty() || values.size() != clusters.size()) {
    throw InvalidArgument(fmt::format(
        "cluster_bootstrap_mean: expected at least one value and a cluster for each, got {} values "
        "and {} clusters",
        values.size(), clusters.size()));
  }
  std::vector<Cluster> gathered;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (clusters[i] < 0 || clusters[i] >= size) {
      throw InvalidArgument(
          fmt::format("cluster_bootstrap_mean: cluster of value {} must lie in [0, {}), got {}", i,
                      size, clusters[i]));
    }
    const auto cluster = static_cast<std::size_t>(clusters[i]);
    if (cluster >= gathered.size()) gathered.resize(cluster + 1);
    gathered[cluster].sum += values[i];
    ++gathered[cluster].count;
  }
  for (std::size_t i = 0; i < gathered.size(); ++i) {
    if (gathered[i].count == 0) {
      throw InvalidArgument(fmt::format("cluster_bootstrap_mean: cluster {} has no value", i));
    }
  }
  return gathered;
}

/// By linear interpolation between order statistics (type 7).
double sorted_quantile(const std::vector<double>& sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - static_cast<double>(below));
}

}  // namespace

BootstrapMean cluster_bootstrap_mean(std::span<const double> values,
                                     std::span<const std::int64_t> clusters,
                                     const BootstrapOptions& options) {
  statistics::require_finite("cluster_bootstrap_mean", values);
  statistics::require_open_unit("cluster_bootstrap_mean: confidence", options.confidence);
  if (options.num_resamples < kMinResamples) {
    throw InvalidArgument(
        fmt::format("cluster_bootstrap_mean: expected at least {} resamples, got {}", kMinResamples,
                    options.num_resamples));
  }
  const std::vector<Cluster> gathered = gather(values, clusters);
  BootstrapMean result;
  for (const Cluster& cluster : gathered) result.mean += cluster.sum;
  result.mean /= static_cast<double>(values.size());
  statistics::SplitMix random(options.seed);
  std::vector<double> means;
  means.reserve(static_cast<std::size_t>(options.num_resamples));
  for (std::int64_t draw = 0; draw < options.num_resamples; ++draw) {
    Cluster drawn;
    for (std::size_t i = 0; i < gathered.size(); ++i) {
      const Cluster& cluster = gathered[random.index(gathered.size())];
      drawn.sum += cluster.sum;
      drawn.count += cluster.count;
    }
    means.push_back(drawn.sum / static_cast<double>(drawn.count));
  }
  std::sort(means.begin(), means.end());
  const double tail = (1 - options.confidence) / 2;
  result.interval = {sorted_quantile(means, tail), sorted_quantile(means, 1 - tail)};
  return result;
}

}  // namespace dsabench
