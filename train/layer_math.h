#pragma once
#include <limits>

#include "kernels/ops/rope.h"
#include "train/tensors.h"

namespace dsabench::train {

/// Of matrix products. Norms, softmax, routers, index scores' selection, losses and the residual
/// stream are f32 in all of them.
enum class Precision {
  f32,
  tf32,  ///< f32 tensors, products on CUDA rounded to TF32
  bf16,  ///< operands and results of the linear maps and of attention in bf16
};

/// What a score becomes that no softmax and no selection may see.
inline constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

/// x W^T + bias, in bf16 where `precision` says so; `bias` may be undefined.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  Precision precision);
/// weight * x / sqrt(mean(x^2) + eps) over the last dimension, in f32.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);
/// down(silu(gate x) * up x) with gate_up = [gate; up].
at::Tensor gated_mlp(const at::Tensor& x, const at::Tensor& gate_up, const at::Tensor& down,
                     Precision precision);

/// Rotations of the first positions of a sequence.
class Rope {
 public:
  Rope(const ops::RopeParams& params, std::int64_t length, const at::Device& device);
  /// The rotated x [batch, tokens, heads, dim]. All first members of the pairs come first in the
  /// result, whatever the layout was: products of two rotated vectors are the same, and nothing
  /// else is made of them.
  at::Tensor rotate(const at::Tensor& x, ops::RopeLayout layout) const;
  std::int64_t length() const { return cos_.size(0); }

 private:
  at::Tensor cos_, sin_;  ///< [tokens, 1, dim / 2]
};

}  // namespace dsabench::train
