#pragma once
#include "engine/model/model_config.h"
#include "engine/model/shape_weights_channels.h"
#include "engine/model/weights.h"

namespace dsabench {

/// The planted component of a shape model's picks: overwrites the parts of already generated
/// tensors that carry it. The theory is told at the top of shape_weights.cpp.
class PlantedPicks {
 public:
  /// Throws InvalidArgument where the indexer's heads are too narrow to carry it.
  PlantedPicks(const ModelConfig& config, const ShapeChannels& channels);

  void plant_embedding(Tensor& embedding) const;
  void plant_layer(AttentionWeights& attention) const;

 private:
  void plant_queries(Tensor& wq_b) const;
  void plant_keys(Tensor& wk) const;
  void clear_row(Tensor& matrix, std::int64_t row) const;
  /// matrix[row, constants] so that the row's product with a layer input gains `value`.
  void set_constant(Tensor& matrix, std::int64_t row, float value) const;

  const ModelConfig& config_;
  const ShapeChannels& channels_;
  std::int64_t salience_dim_;  ///< first of kSalience dimensions of a head
  std::int64_t anchor_dim_;    ///< first of two that steady the key's norm
  std::vector<std::pair<std::int64_t, std::int64_t>> slow_pairs_;  ///< dimensions of rotary pairs
  float query_strength_;
};

}  // namespace dsabench
