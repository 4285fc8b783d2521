#include "train/layer_math.h"

namespace dsabench::train {

at::Tensor operand(const at::Tensor& x, Precision precision) {
  return precision == Precision::bf16 ? x.to(at::kBFloat16) : x;
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  Precision precision) {
  if (precision != Precision::bf16) return at::linear(x.to(weight.scalar_type()), weight, bias);
  return at::linear(operand(x, precision), operand(weight, precision),
                    bias.defined() ? operand(bias, precision) : bias);
}

Normed rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps, Precision precision) {
  const at::Tensor wide = x.to(weight.scalar_type());
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  const at::Tensor direction = at::rms_norm(wide, {wide.size(-1)}, {}, eps);  // one kernel
#else
  const at::Tensor direction = wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + eps);
#endif
  return {operand(direction, precision), weight};
}

at::Tensor linear(const Normed& x, const at::Tensor& weight, const at::Tensor& bias,
                  Precision precision) {
  return linear(x.direction, weight * x.gain, bias, precision);
}

at::Tensor gated_mlp(const Normed& x, const at::Tensor& gate_up, const at::Tensor& down,
                     Precision precision) {
  const auto halves = gate_up.chunk(2, 0);
  const at::Tensor gate = linear(x, halves[0], {}, precision);
  return linear(at::silu(gate) * linear(x, halves[1], {}, precision), down, {}, precision);
}

at::Tensor softmax_over(at::Tensor scores, const at::Tensor& mask) {
  scores = scores.masked_fill_(~mask, kMinusInfinity);  // in place: the largest tensor of a layer
  return scores.scalar_type() == at::kBFloat16 ? at::softmax(scores, -1, at::kFloat)
                                               : at::softmax(scores, -1);
}

Rope::Rope(const ops::RopeParams& params, std::int64_t length, const at::Device& device) {
  const ops::RopeFrequencies frequencies = ops::rope_frequencies(params);
  const at::Tensor inverse = at::empty({std::ssize(frequencies.inv_freq)}, at::kFloat);
  std::copy(frequencies.inv_freq.begin(), frequencies.inv_freq.end(), inverse.data_ptr<float>());
  // The angle is an f32 product, its cosine accurate: as in the engine.
  const at::Tensor positions = at::arange(length, at::TensorOptions(at::kFloat));
  const at::Tensor angles = at::outer(positions, inverse).to(at::kDouble).unsqueeze(1);
  const auto table = [&](const at::Tensor& values) {
    return (values.to(at::kFloat) * double(frequencies.magnitude)).to(device);
  };
  turns_ = at::complex(table(angles.cos()), table(angles.sin()));
}

at::Tensor Rope::rotate(const at::Tensor& x, ops::RopeLayout layout) const {
  const std::int64_t tokens = x.size(1), dim = x.size(-1);
  const at::Tensor turns = turns_.narrow(0, 0, tokens);
  const at::Tensor wide = x.to(at::kFloat).contiguous();
  if (layout == ops::RopeLayout::interleaved) {
    const at::Tensor pairs = at::view_as_complex(wide.unflatten(-1, {dim / 2, 2}));
    return at::view_as_real(pairs * turns).flatten(-2).to(x.scalar_type());
  }
  const at::Tensor cos = at::real(turns), sin = at::imag(turns);
  const at::Tensor a = wide.narrow(-1, 0, dim / 2), b = wide.narrow(-1, dim / 2, dim / 2);
  return at::cat({a * cos - b * sin, b * cos + a * sin}, -1).to(x.scalar_type());
}

}  // namespace dsabench::train
