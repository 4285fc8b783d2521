#pragma once
/// The engine's architecture once more, differentiable: what `dsabench-train` trains.
///
/// Goals: the same logits as the engine from the same checkpoint; the losses of the indexers; whole
/// batches at once. Non-goals: caches, decoding, speed at long contexts: attention holds
/// [batch, heads, tokens, tokens].
#include <vector>

#include "engine/model/layer_pattern.h"
#include "train/attention.h"
#include "train/distillation.h"
#include "train/layer_math.h"
#include "train/parameters.h"

namespace dsabench::train {

struct ForwardOptions {
  LayerPattern pattern;
  Attention attention = Attention::sparse;
  IndexerTarget target = IndexerTarget::none;
};

struct ForwardOutput {
  at::Tensor hidden;  ///< after the last norm [batch, tokens, D]
  /// One per Full layer, summed over batch and queries; empty where the target is none.
  std::vector<at::Tensor> indexer_losses;
  /// What each layer attended to, bool [batch, queries, keys]; empty under dense attention.
  std::vector<at::Tensor> keys;
  std::vector<at::Tensor> expert_load;  ///< per layer [E]; undefined for dense ones
};

class Model {
 public:
  Model(ModelConfig config, Parameters parameters, Precision precision);

  /// `tokens` [batch, tokens] i64 on the parameters' device. Throws InvalidArgument for more tokens
  /// than max_positions, for another number of layers in the pattern, and where a Full layer has no
  /// indexer.
  ForwardOutput forward(const at::Tensor& tokens, const ForwardOptions& options) const;
  /// Of rows of hidden states [..., D], f32 [..., vocab].
  at::Tensor logits(const at::Tensor& hidden) const;

  const ModelConfig& config() const { return config_; }
  const Parameters& parameters() const { return parameters_; }
  at::Device device() const { return parameters_.embedding.device(); }

 private:
  void check(const at::Tensor& tokens, const ForwardOptions& options) const;

  ModelConfig config_;
  Parameters parameters_;
  Precision precision_;
  Rope rope_;
};

/// Cross-entropy of the tokens, each predicted from those before it, times `weights` (f32 [batch,
/// tokens]; nothing predicts the first) and summed; and so whether the largest logit is right.
struct LanguageLoss {
  at::Tensor loss;      ///< scalar with gradient
  at::Tensor accuracy;  ///< scalar
};
LanguageLoss language_loss(const Model& model, const at::Tensor& hidden, const at::Tensor& tokens,
                           const at::Tensor& weights);

}  // namespace dsabench::train
