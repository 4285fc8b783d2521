#pragma once
#include <cstdint>
#include <span>

#include "results/statistics.h"

namespace dsabench {

/// Percentile bootstrap of a mean over clusters: whole clusters (questions, with their repeats) are
/// drawn with replacement, and the mean is over all values drawn. `clusters[i]` is the cluster of
/// `values[i]`, numbered from 0 without gaps. The draws are splitmix64's of `seed`: the same on any
/// machine. One cluster a value gives the plain bootstrap.
struct BootstrapOptions {
  std::uint64_t seed = 1;
  std::int64_t num_resamples = 10'000;
  double confidence = 0.95;
};
struct BootstrapMean {
  double mean = 0;
  Interval interval;
};
BootstrapMean cluster_bootstrap_mean(std::span<const double> values,
                                     std::span<const std::int64_t> clusters,
                                     const BootstrapOptions& options = {});

}  // namespace dsabench
