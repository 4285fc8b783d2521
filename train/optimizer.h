#pragma once
#include <functional>
#include <vector>

#include "train/parameters.h"

namespace dsabench::train {

struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.98, epsilon = 1e-8;
  double weight_decay = 0.0;  ///< decoupled, of matrices and embeddings
  double clip_norm = 1.0;     ///< of all gradients together
};

/// AdamW over some of a model's parameters, which become views of one tensor: a step is a few
/// operations however many there are.
class Optimizer {
 public:
  /// From now on the tensors that `learns` chooses require gradients, all others of the model none.
  /// Throws InvalidArgument where nothing is to learn.
  Optimizer(const Parameters& parameters, const std::function<bool(const NamedParameter&)>& learns,
            const AdamOptions& options);

  /// Counts a step and says what step() needs of it: f64 [3] on the host.
  at::Tensor next_step(double learning_rate);
  /// The norm of the gradients collected since the last step, a scalar, before clipping; moves the
  /// parameters where it is finite, and forgets the gradients. `sizes` on the parameters' device.
  at::Tensor step(const at::Tensor& sizes);
  std::int64_t num_steps() const { return num_steps_; }

  /// What a checkpoint holds: first and second moments [elements] as bf16 on the host.
  struct State {
    at::Tensor first, second;
    std::int64_t num_steps = 0;
  };
  /// Rounds its own moments too: who goes on and who resumes compute the same.
  State save();
  /// Throws InvalidArgument where the number of elements differs.
  void restore(const State& state);

 private:
  at::Tensor flat_gradient();

  AdamOptions options_;
  std::vector<at::Tensor> learning_;
  at::Tensor flat_, decay_, first_, second_;  ///< [elements]; decay_ is 1 where weights decay
  std::int64_t num_steps_ = 0;
};

/// Linear from 0 over `warmup_steps`, then half a cosine down to `last` at `steps`.
struct LearningRate {
  double peak = 1e-3, last = 1e-4;
  std::int64_t warmup_steps = 0, steps = 1;
  /// Of step `step`, counted from 0.
  double at(std::int64_t step) const;
};

}  // namespace dsabench::train
