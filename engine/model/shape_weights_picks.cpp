#include "engine/model/shape_weights_picks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// Value of a constant channel in every embedding.
constexpr float kConstant = 2.0f;
/// The constant first query latent, in standard deviations of the others.
constexpr float kAnchor = 4.0f;
/// Part of the salience in a key, beside random parts of variance 1.
constexpr float kKeyStrength = 0.8f;
/// Element of a key that carries position.
constexpr float kKeyPosition = 1.0f;
/// Score of the nearest tokens above that of far ones, in units of salience.
constexpr float kPositionStrength = 1.0f;
/// Root mean square over a key that its two anchor elements alone would have.
constexpr float kKeyAnchor = 1.0f;
/// Mean of an indexer head's weight, beside its random part of variance 1.
constexpr float kHeadWeight = 3.0f;
/// Score of one unit of salience over the standard deviation of the random score: sets the overlap.
constexpr float kSignal = 3.6f;

bool rotates_interleaved(const ModelConfig& config) {
  return config.indexer_rope_interleave.value_or(config.family == ModelFamily::glm_moe_dsa);
}

}  // namespace

PlantedPicks::PlantedPicks(const ModelConfig& config, const ShapeChannels& channels)
    : config_(config),
      channels_(channels),
      salience_dim_(config.qk_rope_dim),
      anchor_dim_(salience_dim_ + ShapeChannels::kSalience) {
  if (anchor_dim_ + 2 > config.index_dim) {
    throw InvalidArgument(fmt::format(
        "{}: planted picks need index_head_dim >= qk_rope_head_dim + {}, got {} and {}",
        config.name, ShapeChannels::kSalience + 2, config.index_dim, config.qk_rope_dim));
  }
  const std::int64_t pairs = config.qk_rope_dim / 2;
  for (std::int64_t pair = pairs / 2; pair < pairs; ++pair) {
    if (rotates_interleaved(config)) {
      slow_pairs_.emplace_back(2 * pair, 2 * pair + 1);
    } else {
      slow_pairs_.emplace_back(pair, pair + pairs);
    }
  }
  const float noise = std::sqrt(float(config.index_dim) / float(config.index_heads));
  query_strength_ = kSignal * noise / kKeyStrength;
}

void PlantedPicks::plant_embedding(Tensor& embedding) const {
  for (std::int64_t token = 0; token < embedding.dim(0); ++token) {
    float* row = embedding.view().row<float>(token);
    std::fill_n(row, channels_.constants(), kConstant);
    for (std::int64_t c = channels_.salience_begin; c < channels_.router_begin; ++c) {
      row[c] = row[c] * row[c] * 0.5f;
    }
  }
}

void PlantedPicks::plant_layer(AttentionWeights& attention) const {
  clear_row(attention.q_a_proj, 0);
  set_constant(attention.q_a_proj, 0, kAnchor);
  plant_queries(attention.indexer->wq_b);
  plant_keys(attention.indexer->wk);
  Tensor& weights_proj = attention.indexer->weights_proj;
  for (std::int64_t head = 0; head < weights_proj.dim(0); ++head) {
    set_constant(weights_proj, head, kHeadWeight);
  }
}

void PlantedPicks::plant_queries(Tensor& wq_b) const {
  std::vector<float> column(std::size_t(config_.index_dim), 0.0f);
  const float salience = query_strength_ / kAnchor;
  for (std::int64_t i = 0; i < ShapeChannels::kSalience; ++i) {
    column[std::size_t(salience_dim_ + i)] = i % 2 == 0 ? salience : -salience;
  }
  const float position =
      salience * kKeyStrength * kPositionStrength / (kKeyPosition * float(slow_pairs_.size()));
  for (const auto& [first, second] : slow_pairs_) column[std::size_t(first)] = position;
  for (std::int64_t row = 0; row < wq_b.dim(0); ++row) {
    const std::int64_t dim = row % config_.index_dim;
    if (dim == anchor_dim_ || dim == anchor_dim_ + 1) clear_row(wq_b, row);
    wq_b.view().row<float>(row)[0] = column[std::size_t(dim)];
  }
}

void PlantedPicks::plant_keys(Tensor& wk) const {
  for (std::int64_t i = 0; i < ShapeChannels::kSalience; ++i) {
    clear_row(wk, salience_dim_ + i);
    wk.view().row<float>(salience_dim_ + i)[channels_.salience_begin + i] =
        i % 2 == 0 ? kKeyStrength : -kKeyStrength;
  }
  const float anchor = kKeyAnchor * std::sqrt(0.5f * float(config_.index_dim));
  clear_row(wk, anchor_dim_);
  clear_row(wk, anchor_dim_ + 1);
  set_constant(wk, anchor_dim_, anchor);
  set_constant(wk, anchor_dim_ + 1, -anchor);
  for (const auto& [first, second] : slow_pairs_) {
    clear_row(wk, first);
    clear_row(wk, second);
    set_constant(wk, first, kKeyPosition);
  }
}

void PlantedPicks::clear_row(Tensor& matrix, std::int64_t row) const {
  std::fill_n(matrix.view().row<float>(row), matrix.dim(1), 0.0f);
}

void PlantedPicks::set_constant(Tensor& matrix, std::int64_t row, float value) const {
  std::fill_n(matrix.view().row<float>(row), channels_.constants(),
              value / (kConstant * float(channels_.constants())));
}

}  // namespace dsabench
