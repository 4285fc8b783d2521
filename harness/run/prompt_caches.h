#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "suites/sample.h"

namespace dsabench {

/// The sequences of a trial's batch, put in order outside timed regions. Each has a prompt of its
/// own, or all have the same one: that is computed once and copied into the others' blocks.
class PromptCaches {
 public:
  /// `prompts`: one a sequence, or a single one for the whole batch, of `prompt_tokens` tokens
  /// each; `decode_tokens`: room behind them. Engine and prompts must outlive this. Throws
  /// InvalidArgument for another number or length of prompts.
  PromptCaches(Engine& engine, std::span<const Sample> prompts, std::int64_t batch,
               std::int64_t prompt_tokens, std::int64_t decode_tokens);

  /// New empty sequences in place of those that there are, with room for all they will hold, which
  /// is taken at once.
  void open();
  /// What is to be computed: every prompt and the sequence it goes into.
  std::span<const SequenceTokens> prompts() const { return to_fill_; }
  /// Those sequences.
  std::span<const std::int64_t> filled() const { return {sequences_.data(), to_fill_.size()}; }
  /// Copies the first sequence into all that have no prompt of their own.
  void share();
  /// Forgets all tokens behind the prompts.
  void forget_steps();

  std::span<const std::int64_t> sequences() const { return sequences_; }

 private:
  Engine& engine_;
  std::span<const Sample> samples_;
  std::int64_t batch_, prompt_tokens_, decode_tokens_;
  std::vector<std::int64_t> sequences_;
  std::vector<SequenceTokens> to_fill_;
};

}  // namespace dsabench
