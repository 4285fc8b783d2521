#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "engine/search/pattern_search.h"

namespace dsabench {

/// A text whose last `num_answer` tokens are to be predicted, each from those before it.
struct CalibrationText {
  std::vector<std::int32_t> tokens;
  std::int64_t num_answer = 0;
};

/// -log softmax(logits)[target] in double precision; NaN where a logit is, never negative.
double cross_entropy(std::span<const float> logits, std::int32_t target);

struct CalibrationWork {
  std::int64_t patterns = 0, given_up = 0;  ///< evaluated, and of them
  std::int64_t layers_run = 0;              ///< layers of forward passes
  std::int64_t layers_plain = 0;  ///< what one pass after another of each pattern would have run
};

/// The loss of patterns: the mean cross-entropy of the texts' answer tokens. Patterns asked for at
/// once share the layers in which they agree: they are a tree of letters, of which each edge runs
/// once. The losses are, bit for bit, those of each pattern alone.
class CalibrationLoss {
 public:
  struct Options {
    /// Texts go through the model together up to so many tokens a pass, a longer one alone.
    std::int64_t pass_tokens = 1024;
    /// Called before each pass with how many of how many of the question have begun; may throw.
    std::function<void(std::int64_t begun, std::int64_t passes)> on_pass;
  };
  /// `engine` is Full at every layer that a pattern will be, and outlives the object; its sequences
  /// stay as they are. Throws InvalidArgument for no texts, an answer without a token, and an
  /// answer without a token before it.
  CalibrationLoss(Engine& engine, std::vector<CalibrationText> texts, Options options);
  CalibrationLoss(const CalibrationLoss&) = delete;
  CalibrationLoss& operator=(const CalibrationLoss&) = delete;

  /// Gives a pattern up before a pass when what it has by then is above the limit. Throws
  /// InvalidArgument for a pattern of another length, or Full where the engine's is Shared.
  std::vector<PatternLoss> losses(std::span<const LayerPattern> patterns, double limit);

  std::int64_t num_answer_tokens() const { return num_answer_tokens_; }
  const CalibrationWork& work() const { return work_; }

 private:
  struct Candidate;
  struct Batch;
  void run_batch(std::span<const CalibrationText> texts, std::span<Candidate*> candidates);
  void walk(Batch& batch, std::span<Candidate*> candidates);
  double answer_loss(Batch& batch) const;

  Engine& engine_;
  std::vector<CalibrationText> texts_;
  Options options_;
  std::vector<std::span<const CalibrationText>> batches_;
  std::int64_t num_answer_tokens_ = 0;
  CalibrationWork work_;
};

}  // namespace dsabench
