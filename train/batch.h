#pragma once
#include <vector>

#include "train/plan.h"
#include "train/tensors.h"

namespace dsabench::train {

/// The sequences of one step, on the host.
struct Batch {
  const Level* level = nullptr;
  at::Tensor tokens;     ///< [sequences, length] i64
  at::Tensor is_target;  ///< bool, the same shape: words of answers and their ends
};

/// Makes what a step trains on: a pure function of the arguments, of problems of the training split
/// alone. On all threads. Throws as facts::make_training_sequence does.
Batch make_batch(const Plan& plan, std::size_t stage, std::int64_t step);

}  // namespace dsabench::train
