#pragma once
#include "train/batch.h"
#include "train/checkpoint.h"
#include "train/model.h"
#include "train/recorded_work.h"

namespace dsabench::train {

/// What a step measured, NaN where its stage does not teach that.
struct StepOutcome {
  double language_loss = 0;   ///< mean over words of answers
  double accuracy = 0;        ///< share of those that the largest logit has right
  double indexer_loss = 0;    ///< mean over Full layers and tokens
  double gradient_norm = 0;   ///< before clipping
  double busiest_expert = 0;  ///< largest load of an expert over its layer's mean
};

/// A model that learns what a stage teaches, one batch at a time.
class StageStep {
 public:
  /// Goes on with the checkpoint's optimiser where it is one of this stage. `stage` must outlive
  /// this.
  StageStep(const ModelConfig& config, const Stage& stage, Checkpoint from, bool resumed,
            Precision precision);

  /// Passes forward and back, `stage.tokens_at_once` tokens in each, the optimiser's step, and that
  /// of the routers' biases. Parameters stay where the gradient is not finite.
  StepOutcome run(const Batch& batch, double learning_rate);

  const Parameters& parameters() const { return model_.parameters(); }
  Optimizer::State save_optimizer() { return optimizer_.save(); }

 private:
  struct Sums;
  at::Tensor work(const std::vector<at::Tensor>& inputs);
  void pass(const at::Tensor& tokens, const at::Tensor& weights, std::int64_t all_tokens,
            Sums& sums) const;
  at::Tensor move_router_biases(const std::vector<at::Tensor>& loads) const;

  const Stage& stage_;
  RecordedWork recorded_;  // before what shall be made on its stream
  Model model_;
  Optimizer optimizer_;
};

}  // namespace dsabench::train
