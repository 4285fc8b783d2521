#include "harness/run/reference_layer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/base/error.h"
#include "kernels/base/float_formats.h"
#include "kernels/reference/attention.h"
#include "kernels/reference/fp8.h"
#include "kernels/reference/indexer.h"
#include "kernels/reference/linear.h"
#include "kernels/reference/norm.h"
#include "kernels/reference/rope.h"

namespace dsabench {
namespace {

constexpr double kKeyNormEps = 1e-6;
constexpr double kLatentNormEps = 1e-6;
constexpr double kFrequencyTolerance = 1e-5;

ops::RopeLayout indexer_rope_of(const ModelConfig& config, const EngineOptions& options) {
  if (options.indexer_rope) return *options.indexer_rope;
  const bool family_default = config.family == ModelFamily::glm_moe_dsa;
  return config.indexer_rope_interleave.value_or(family_default) ? ops::RopeLayout::interleaved
                                                                 : ops::RopeLayout::half_split;
}

std::span<const float> values_of(const Tensor& tensor) {
  if (tensor.empty()) return {};
  return {tensor.data<float>(), static_cast<std::size_t>(tensor.view().num_elements())};
}

std::vector<float> as_floats(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

/// The model's own frequencies. They are defined by steps in f32, as published runtimes take them:
/// what those steps round off turns the positions beyond some 20,000 by more than a tolerance, so
/// that the formula in double cannot stand in for them. It holds them to what they may be off.
std::vector<float> checked_frequencies(const ops::RopeParams& params) {
  std::vector<float> frequencies = ops::rope_frequencies(params).inv_freq;
  const std::vector<double> exact = reference::rope_inv_freq(params);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double error = std::abs(frequencies.at(i) / exact[i] - 1.0);
    if (error <= kFrequencyTolerance) continue;
    throw Error(
        fmt::format("rope frequency {} is {}, and {} by its formula", i, frequencies[i], exact[i]));
  }
  return frequencies;
}

/// What is left of a vector after e4m3 with one power-of-two scale.
std::vector<float> through_fp8(std::span<const float> x) {
  const reference::Fp8Block block = reference::quantize_block(x, true);
  std::vector<float> values;
  values.reserve(x.size());
  for (const std::uint8_t code : block.codes) {
    values.push_back(static_cast<float>(reference::e4m3_value(code)) * block.scale);
  }
  return values;
}

}  // namespace

ReferenceLayer::ReferenceLayer(const ModelConfig& config, const EngineOptions& options, DType dtype)
    : config_(config),
      dtype_(dtype),
      mode_(options.indexer_mode),
      format_(options.cache_format),
      indexer_rope_(indexer_rope_of(config, options)),
      latent_norm_eps_(options.latent_norm_eps.value_or(kLatentNormEps)),
      inv_freq_(checked_frequencies(config.rope)),
      magnitude_(ops::rope_frequencies(config.rope).magnitude) {}

std::vector<float> ReferenceLayer::rounded(const std::vector<double>& values) const {
  std::vector<float> result = as_floats(values);
  if (dtype_ != DType::bf16) return result;
  for (float& value : result) value = bf16_to_f32(f32_to_bf16(value));
  return result;
}

std::vector<float> ReferenceLayer::rotated(std::span<const float> x, std::int64_t position,
                                           ops::RopeLayout layout) const {
  return rounded(reference::rope_row(x, position, inv_freq_, magnitude_, layout));
}

std::vector<float> ReferenceLayer::query_latent(const AttentionWeights& weights,
                                                std::span<const float> x) const {
  const auto projected =
      rounded(reference::linear_row(x, weights.q_a_proj.view(), values_of(weights.q_a_bias)));
  return rounded(reference::rms_norm_row(projected, values_of(weights.q_a_norm), latent_norm_eps_));
}

std::vector<float> ReferenceLayer::latent_row(const AttentionWeights& weights,
                                              std::span<const float> x,
                                              std::int64_t position) const {
  const auto latent = static_cast<std::size_t>(config_.kv_lora_rank);
  const auto projected =
      rounded(reference::linear_row(x, weights.kv_a_proj.view(), values_of(weights.kv_a_bias)));
  const std::span<const float> all(projected);
  auto row = rounded(
      reference::rms_norm_row(all.first(latent), values_of(weights.kv_a_norm), latent_norm_eps_));
  const auto rope = rotated(all.subspan(latent), position, ops::RopeLayout::interleaved);
  row.insert(row.end(), rope.begin(), rope.end());
  if (format_ == CacheFormat::activations) return row;
  return reference::fp8_latent_values(reference::fp8_latent_row(row, config_.kv_lora_rank),
                                      config_.kv_lora_rank, config_.qk_rope_dim);
}

std::vector<float> ReferenceLayer::indexer_vector(std::vector<float> x,
                                                  std::int64_t position) const {
  const auto rope = static_cast<std::size_t>(config_.qk_rope_dim);
  const auto head = rotated(std::span<const float>(x).first(rope), position, indexer_rope_);
  std::copy(head.begin(), head.end(), x.begin());
  if (mode_ == IndexerMode::fp8_hadamard) x = rounded(reference::hadamard_row(x));
  return mode_ == IndexerMode::exact ? x : through_fp8(x);
}

std::vector<float> ReferenceLayer::key_row(const IndexerWeights& weights, std::span<const float> x,
                                           std::int64_t position) const {
  const auto projected = rounded(reference::linear_row(x, weights.wk.view()));
  return indexer_vector(
      rounded(reference::layer_norm_row(projected, values_of(weights.k_norm_weight),
                                        values_of(weights.k_norm_bias), kKeyNormEps)),
      position);
}

std::vector<double> ReferenceLayer::scores(const AttentionWeights& weights,
                                           std::span<const float> x, std::int64_t position,
                                           ConstTensorView keys, ConstTensorView key_scales) const {
  const IndexerWeights& indexer = weights.indexer.value();
  const std::int64_t heads = config_.index_heads, dim = config_.index_dim;
  const auto width = static_cast<std::size_t>(dim);
  const auto flat = rounded(reference::linear_row(query_latent(weights, x), indexer.wq_b.view()));
  Tensor q(DType::f32, {1, heads, dim}), gates(DType::f32, {1, heads});
  const auto gate = reference::linear_row(x, indexer.weights_proj.view());
  const double factor = 1.0 / std::sqrt(static_cast<double>(heads) * static_cast<double>(dim));
  for (std::int64_t h = 0; h < heads; ++h) {
    const auto begin = flat.begin() + h * dim;
    const auto head = indexer_vector({begin, begin + dim}, position);
    std::copy_n(head.begin(), width, q.data<float>() + h * dim);
    gates.data<float>()[h] = static_cast<float>(gate[static_cast<std::size_t>(h)] * factor);
  }
  return reference::indexer_scores_row(q, gates, 0, keys, key_scales, position + 1);
}

std::vector<double> ReferenceLayer::attention_output(const AttentionWeights& weights,
                                                     std::span<const float> x,
                                                     std::int64_t position, ConstTensorView latents,
                                                     std::span<const std::int32_t> selected) const {
  const std::int64_t heads = config_.num_heads, nope = config_.qk_nope_dim;
  const std::int64_t rope = config_.qk_rope_dim, v = config_.v_dim, latent = config_.kv_lora_rank;
  const auto q = rounded(reference::linear_row(query_latent(weights, x), weights.q_b_proj.view()));
  const ConstTensorView kv_b = weights.kv_b_proj.view();
  Tensor q_latent(DType::f32, {1, heads, latent}), q_rope(DType::f32, {1, heads, rope});
  for (std::int64_t h = 0; h < heads; ++h) {
    const std::span<const float> head(q.data() + h * (nope + rope),
                                      static_cast<std::size_t>(nope + rope));
    const auto absorbed = rounded(reference::linear_transposed_row(
        head.first(static_cast<std::size_t>(nope)), kv_b.rows(h * (nope + v), nope)));
    std::copy(absorbed.begin(), absorbed.end(), q_latent.data<float>() + h * latent);
    const auto turned = rotated(head.subspan(static_cast<std::size_t>(nope)), position,
                                ops::RopeLayout::interleaved);
    std::copy(turned.begin(), turned.end(), q_rope.data<float>() + h * rope);
  }
  const auto attended = rounded(
      reference::attention_row(q_latent, q_rope, 0, latents, selected, config_.softmax_scale()));
  std::vector<float> values;
  for (std::int64_t h = 0; h < heads; ++h) {
    const std::span<const float> head(attended.data() + h * latent,
                                      static_cast<std::size_t>(latent));
    const auto value = rounded(reference::linear_row(head, kv_b.rows(h * (nope + v) + nope, v)));
    values.insert(values.end(), value.begin(), value.end());
  }
  return reference::linear_row(values, weights.o_proj.view(), values_of(weights.o_bias));
}

}  // namespace dsabench
