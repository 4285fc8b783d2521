#pragma once
#include <span>
#include <vector>

namespace dsabench {

/// Holm's adjusted p values, in the order given: p_adj <= alpha controls the familywise error.
std::vector<double> holm_adjust(std::span<const double> p_values);

}  // namespace dsabench
