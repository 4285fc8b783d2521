#pragma once
#include <optional>
#include <span>

namespace dsabench {

/// Spearman's rank correlation of two rows of values: the correlation of their ranks, equal values
/// sharing the mean of theirs. Empty where it has no meaning: fewer than two values, or all of a
/// row equal. Throws InvalidArgument for rows of different lengths, and for a NaN.
std::optional<double> rank_correlation(std::span<const double> a, std::span<const double> b);

}  // namespace dsabench
