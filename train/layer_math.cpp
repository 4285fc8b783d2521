#include "train/layer_math.h"

namespace dsabench::train {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  Precision precision) {
  if (precision != Precision::bf16) return at::linear(x.to(weight.scalar_type()), weight, bias);
  return at::linear(x.to(at::kBFloat16), weight.to(at::kBFloat16),
                    bias.defined() ? bias.to(at::kBFloat16) : bias);
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor wide = x.to(weight.scalar_type());
  return wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + eps) * weight;
}

at::Tensor gated_mlp(const at::Tensor& x, const at::Tensor& gate_up, const at::Tensor& down,
                     Precision precision) {
  const auto halves = linear(x, gate_up, {}, precision).chunk(2, -1);
  return linear(at::silu(halves[0]) * halves[1], down, {}, precision);
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
  cos_ = table(angles.cos());
  sin_ = table(angles.sin());
}

at::Tensor Rope::rotate(const at::Tensor& x, ops::RopeLayout layout) const {
  const std::int64_t tokens = x.size(1), dim = x.size(-1);
  const at::Tensor cos = cos_.narrow(0, 0, tokens), sin = sin_.narrow(0, 0, tokens);
  const at::Tensor wide = x.to(cos.scalar_type());
  at::Tensor a, b;
  if (layout == ops::RopeLayout::interleaved) {
    const at::Tensor pairs = wide.unflatten(-1, {dim / 2, 2});
    a = pairs.select(-1, 0);
    b = pairs.select(-1, 1);
  } else {
    a = wide.narrow(-1, 0, dim / 2);
    b = wide.narrow(-1, dim / 2, dim / 2);
  }
  return at::cat({a * cos - b * sin, b * cos + a * sin}, -1).to(x.scalar_type());
}

}  // namespace dsabench::train
