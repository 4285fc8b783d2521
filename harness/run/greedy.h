#pragma once
#include <cstdint>
#include <vector>

#include "engine/engine.h"

namespace dsabench {

/// Greedy decoding of a set of sequences, one step at a time: owns the logits, which stay where the
/// engine runs, and the tokens that come next.
class GreedyDecoder {
 public:
  /// `engine` must outlive the decoder.
  GreedyDecoder(Engine& engine, std::int64_t num_sequences);

  /// Prefills one prompt per sequence and chooses each one's first token.
  void prefill(std::span<const SequenceTokens> prompts, ForwardObserver* observer);
  /// Feeds the tokens chosen last and chooses the next.
  void step(std::span<const std::int64_t> sequences, ForwardObserver* observer);

  /// Chosen last, one per sequence.
  std::span<const std::int32_t> next_tokens() const { return next_tokens_; }
  /// Of the last pass, [sequences, vocab].
  HostView logits() const { return logits_; }

  /// What prefill is timed by: the logits without the choice. Returns once they are there.
  void prefill_logits(std::span<const SequenceTokens> prompts, ForwardObserver* observer);
  void choose();
  void set_next_tokens(std::span<const std::int32_t> tokens);

 private:
  Engine& engine_;
  DeviceQueue* queue_;  ///< null on the host
  Context ctx_;
  Tensor logits_, next_;
  std::vector<std::int32_t> next_tokens_;
};

}  // namespace dsabench
