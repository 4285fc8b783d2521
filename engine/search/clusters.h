#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "engine/model/layer_pattern.h"

namespace dsabench {

/// What two layers of one cluster have in common at least, where nothing else is asked for.
inline constexpr double kClusterThreshold = 0.7;

/// Single linkage: the finest partition in which layers whose value reaches the threshold are
/// together, so that in a cluster a chain of such pairs leads from each layer to each other.
///   matrix  row-major [layers, layers]; symmetric; the upper half is read
/// Returns each layer's cluster; clusters are numbered from 0 on by their lowest layers. Throws
/// InvalidArgument for a size that does not fit, and for a NaN.
std::vector<std::int64_t> single_linkage(std::int64_t num_layers, std::span<const double> matrix,
                                         double threshold);

/// A pattern as a partition: each layer with those that use the same indices, numbered likewise.
std::vector<std::int64_t> blocks_of_pattern(const LayerPattern& pattern);

/// Rand index: the share of pairs of layers that both partitions have together or both have apart;
/// 1 where there is no pair. Throws InvalidArgument for partitions of different sizes.
double rand_index(std::span<const std::int64_t> a, std::span<const std::int64_t> b);

/// Mean over the Shared layers of (source, layer) in a matrix as above: what reuse keeps. 1 where
/// no layer is Shared. Throws InvalidArgument for a size that does not fit.
double mean_kept(const LayerPattern& pattern, std::span<const double> matrix);

}  // namespace dsabench
