#pragma once
/// Rotary embedding of one head, in double precision.
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/ops/rope.h"

namespace dsabench::reference {

/// theta^(-2i/dim), i < dim/2, with YaRN's blend where it is set.
std::vector<double> rope_inv_freq(const ops::RopeParams& params);

/// Rotates the pairs of x. The angle is rounded as the operator documents (the f32 product of
/// position and inv_freq); everything after it is in double.
std::vector<double> rope_row(std::span<const float> x, std::int64_t position,
                             std::span<const float> inv_freq, double magnitude,
                             ops::RopeLayout layout);

}  // namespace dsabench::reference
