#pragma once
#include "kernels/base/context.h"

namespace dsabench::ops {

/// Index of the largest logit of each row; the lowest index among equals. NaN never wins; a row of
/// nothing but NaN gives 0.
///   logits  [rows, vocab]  f32
///   out     [rows]         i32
/// Throws InvalidArgument on a shape, dtype or device mismatch.
struct ArgmaxArgs {
  ConstTensorView logits;
  TensorView out;
};
void argmax(const Context& ctx, const ArgmaxArgs& args);

/// How a token is drawn. Temperature 0 is argmax. top_k 0 and top_p 1 keep every token.
struct SamplingParams {
  float temperature = 0.0f;
  std::int64_t top_k = 0;
  float top_p = 1.0f;
  std::uint64_t seed = 0;
};

/// Draws one token per row from softmax(logits / temperature) after top-k and then top-p (the
/// smallest set of most likely tokens whose share of what top-k left reaches top_p; at least one).
/// The random number is a function of (seed, stream[row]) alone (`uniform_at`), so that it does not
/// depend on batch or order: give each (sequence, step) a stream of its own. Ties order by lower
/// index. NaN logits are never drawn; a row without a logit above -inf gives its argmax.
///   logits  [rows, vocab]  f32
///   stream  [rows]         i64
///   out     [rows]         i32
/// Throws InvalidArgument on a mismatch, a negative temperature or top_k, or top_p outside (0, 1].
struct SampleArgs {
  ConstTensorView logits, stream;
  TensorView out;
  SamplingParams params;
};
void sample(const Context& ctx, const SampleArgs& args);

}  // namespace dsabench::ops
