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

/// x as products take it: in bf16 where `precision` says so. What several products share is
/// converted once.
at::Tensor operand(const at::Tensor& x, Precision precision);
/// x W^T + bias, in bf16 where `precision` says so; `bias` may be undefined.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  Precision precision);
/// weight * x / sqrt(mean(x^2) + eps) over the last dimension.
///
/// All that is made of a norm are products, and those take `gain` into their matrices: scaling a
/// few rows there costs nothing, and the gradient of a gain here would be a sum over all tokens.
struct Normed {
  at::Tensor direction;  ///< x / sqrt(...), as products take it
  at::Tensor gain;       ///< the norm's weight [D]

  Normed detach() const { return {direction.detach(), gain.detach()}; }
  /// The norm itself, in f32.
  at::Tensor whole() const { return direction.to(gain.scalar_type()) * gain; }
};
Normed rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps, Precision precision);
at::Tensor linear(const Normed& x, const at::Tensor& weight, const at::Tensor& bias,
                  Precision precision);
/// down(silu(gate x) * up x) with gate_up = [gate; up].
at::Tensor gated_mlp(const Normed& x, const at::Tensor& gate_up, const at::Tensor& down,
                     Precision precision);

/// softmax over the last dimension in f32, of what `mask` (bool, broadcastable) allows. Overwrites
/// scores.
at::Tensor softmax_over(at::Tensor scores, const at::Tensor& mask);

/// Rotations of the first positions of a sequence.
class Rope {
 public:
  Rope(const ops::RopeParams& params, std::int64_t length, const at::Device& device);
  /// The rotated x [batch, tokens, heads, dim]. The order of its elements depends on the layout and
  /// on nothing else: products of two rotated vectors are right, and nothing else is made of them.
  at::Tensor rotate(const at::Tensor& x, ops::RopeLayout layout) const;
  std::int64_t length() const { return turns_.size(0); }

 private:
  at::Tensor turns_;  ///< cosine + i sine, [tokens, 1, dim / 2]
};

}  // namespace dsabench::train
