#pragma once
/// Matrix products with one row, in double precision.
#include <span>
#include <vector>

#include "kernels/base/tensor_view.h"

namespace dsabench::reference {

/// out[o] = sum_i x[i] * weight[o, i] (+ bias[o], where bias is not empty); weight [out, in] f32,
/// rows may be strided.
std::vector<double> linear_row(std::span<const float> x, const ConstTensorView& weight,
                               std::span<const float> bias = {});

/// out[o] = sum_i x[i] * weight[i, o]; weight [in, out] f32, rows may be strided.
std::vector<double> linear_transposed_row(std::span<const float> x, const ConstTensorView& weight);

}  // namespace dsabench::reference
