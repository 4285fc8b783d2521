#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/model/layer_pattern.h"
#include "engine/model/model_config.h"
#include "kernels/base/tensor.h"

namespace dsabench {

/// The indexer's tensors of one layer. H heads of dim Di; Q = q_lora_rank, D = hidden.
struct IndexerWeights {
  Tensor wq_b;           ///< [H * Di, Q]
  Tensor wk;             ///< [Di, D]
  Tensor k_norm_weight;  ///< [Di]
  Tensor k_norm_bias;    ///< [Di]
  Tensor weights_proj;   ///< [H, D]
};

struct AttentionWeights {
  Tensor q_a_proj;                     ///< [Q, D]
  Tensor q_a_norm;                     ///< [Q]
  Tensor q_b_proj;                     ///< [heads * (nope + rope), Q]
  Tensor kv_a_proj;                    ///< [R + rope, D]
  Tensor kv_a_norm;                    ///< [R]
  Tensor kv_b_proj;                    ///< [heads * (nope + v), R]
  Tensor o_proj;                       ///< [D, heads * v]
  Tensor q_a_bias, kv_a_bias, o_bias;  ///< empty unless attention_bias
  /// Absent on a layer whose checkpoint ships none: such a layer can only be Shared.
  std::optional<IndexerWeights> indexer;
};

struct DenseMlpWeights {
  Tensor gate_up;  ///< [2 * I, D], gate rows first
  Tensor down;     ///< [D, I]
};

struct MoeWeights {
  Tensor router;                          ///< [E, D]
  Tensor router_bias;                     ///< [E]
  Tensor gate_up;                         ///< [E, 2 * I, D], gate rows first
  Tensor down;                            ///< [E, D, I]
  std::optional<DenseMlpWeights> shared;  ///< the shared experts as one dense MLP
};

struct LayerWeights {
  Tensor input_norm;           ///< [D]
  Tensor post_attention_norm;  ///< [D]
  AttentionWeights attention;
  std::optional<DenseMlpWeights> dense;  ///< exactly one of dense and moe
  std::optional<MoeWeights> moe;
};

class CheckpointFiles;
struct WeightPlacement;

/// All weights of a model, all in one place: f32 on the host, f32 or bf16 on a device
/// (weight_placement.h). Immutable once built; shared by engines.
struct Weights {
  Tensor embedding;   ///< [vocab, D]
  Tensor final_norm;  ///< [D]
  Tensor lm_head;     ///< [vocab, D]; empty where it is tied to the embedding
  std::vector<LayerWeights> layers;
  /// What the user should know: MTP layer ignored, indexer absent on layers 1-3, unused tensors.
  std::vector<std::string> notices;
  /// Tensors of the checkpoint that hold NaN or infinity, and how many.
  std::vector<std::string> not_finite;
  /// Hash of what was loaded or generated (XXH3-128, hex): part of the model id.
  std::string content_id;
  std::int64_t bytes() const;
  /// Of matrices and norms, and so of activations.
  DType dtype() const { return embedding.dtype(); }
  /// Of the device that holds them; null for the host.
  DeviceQueue* queue() const { return embedding.queue(); }
};

/// Loads a checkpoint directory's tensors as f32: single or sharded files; F32, BF16, F16, and
/// F8_E4M3 with `<name>_scale_inv` blocks (F32 or F8_E8M0); experts fused or separate; indexer
/// absent, with a notice, on any layer but the first (check_pattern_against_weights decides whether
/// a pattern can do without), or present and unused; tensors of MTP layers ignored with a notice.
/// Throws InvalidArgument naming file, tensor, expected and found shape for a missing or
/// mismatching tensor and for an indexer of which only a part is there.
///
/// Each layer goes to `placement` as soon as it is read: the host holds one at a time.
Weights load_weights(const ModelConfig& config, const std::string& directory,
                     const WeightPlacement& placement);
Weights load_weights(const ModelConfig& config, const std::string& directory);
/// The same of files that are open.
Weights load_weights(const ModelConfig& config, CheckpointFiles files,
                     const WeightPlacement& placement);

/// Throws InvalidArgument naming the layer where the pattern runs an indexer that the weights lack.
void check_pattern_against_weights(const LayerPattern& pattern, const Weights& weights);

}  // namespace dsabench
