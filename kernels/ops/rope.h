#pragma once
#include <optional>
#include <span>
#include <vector>

#include "kernels/base/context.h"

namespace dsabench::ops {

/// Which elements of a head form a pair. interleaved: (x[2i], x[2i+1]); half_split (NeoX):
/// (x[i], x[i + dim/2]).
enum class RopeLayout { interleaved, half_split };

/// YaRN scaling of the frequencies (arXiv 2309.00071), static: applied at every length.
/// `mscale`, `mscale_all_dim`: as in the checkpoint, absent where the config has no such key.
/// The magnitude is `attention_factor` where given; else m(factor, mscale) / m(factor,
/// mscale_all_dim) where both keys are given and not 0; else m(factor, 1). For m see
/// `rope_softmax_factor`. `truncate`: round the ramp's ends outwards to whole dimensions.
struct YarnScaling {
  double factor = 1.0;
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  std::int64_t original_max_positions = 4096;
  bool truncate = true;
  std::optional<double> mscale, mscale_all_dim, attention_factor;

  bool operator==(const YarnScaling&) const = default;
};

/// Frequencies of one rotary embedding.
struct RopeParams {
  std::int64_t dim = 0;  ///< rotated dimensions of a head; even
  double theta = 10000.0;
  std::optional<YarnScaling> yarn;
};

/// inv_freq[i], i < dim/2 (f32: theta^(-2i/dim), blended by YaRN's ramp) and the factor on cos and
/// sin. Formulas: DeepSeek-V3 `precompute_freqs_cis` and transformers `_compute_yarn_parameters`.
/// Throws InvalidArgument for an odd or non-positive dim, a theta that is not above 1, and a YaRN
/// factor, beta or original_max_positions that is not positive.
struct RopeFrequencies {
  std::vector<float> inv_freq;
  float magnitude = 1.0f;
};
RopeFrequencies rope_frequencies(const RopeParams& params);

/// Factor on the softmax scale: m(factor, mscale_all_dim)^2 where YaRN sets mscale_all_dim, else 1;
/// m(f, a) = 0.1 * a * ln(f) + 1 for f > 1.
double rope_softmax_factor(const RopeParams& params);

/// Cosines and sines of every token's angles. The angle is the f32 product position * inv_freq, as
/// in transformers; cos and sin are then taken accurately.
///   positions  [tokens]         i32
///   cos, sin   [tokens, dim/2]  f32
struct RopeAnglesArgs {
  const RopeFrequencies* frequencies = nullptr;
  ConstTensorView positions;
  TensorView cos, sin;
};
void rope_angles(const Context& ctx, const RopeAnglesArgs& args);

/// Rotates pairs in place: a' = a cos - b sin, b' = b cos + a sin.
///   x         [tokens, heads, dim]  f32, or bf16 on CUDA; tokens and heads may be strided
///   cos, sin  [tokens, dim/2]       f32
/// Throws InvalidArgument on a shape, dtype or device mismatch.
struct RopeArgs {
  TensorView x;
  ConstTensorView cos, sin;
  RopeLayout layout = RopeLayout::interleaved;
};
void rope(const Context& ctx, const RopeArgs& args);

}  // namespace dsabench::ops
