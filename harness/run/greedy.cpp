#include "harness/run/greedy.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/ops/sampling.h"

namespace dsabench {

GreedyDecoder::GreedyDecoder(Engine& engine, std::int64_t num_sequences)
    : engine_(engine),
      logits_(DType::f32, {num_sequences, engine.config().vocab_size}),
      next_(DType::i32, {num_sequences}) {
  logits_.poison();
  next_.poison();
}

void GreedyDecoder::prefill_logits(std::span<const SequenceTokens> prompts,
                                   ForwardObserver* observer) {
  engine_.prefill(prompts, LogitRows::last, logits_, observer);
}

void GreedyDecoder::choose() { ops::argmax(ctx_, {.logits = logits_, .out = next_}); }

void GreedyDecoder::prefill(std::span<const SequenceTokens> prompts, ForwardObserver* observer) {
  prefill_logits(prompts, observer);
  choose();
}

void GreedyDecoder::step(std::span<const std::int64_t> sequences, ForwardObserver* observer) {
  engine_.decode(sequences, next_tokens(), logits_, observer);
  choose();
}

std::span<const std::int32_t> GreedyDecoder::next_tokens() const {
  return {next_.data<std::int32_t>(), static_cast<std::size_t>(next_.dim(0))};
}

void GreedyDecoder::set_next_tokens(std::span<const std::int32_t> tokens) {
  if (tokens.size() != next_tokens().size()) {
    throw InvalidArgument(fmt::format("greedy decoding of {} sequences got {} tokens",
                                      next_tokens().size(), tokens.size()));
  }
  std::copy(tokens.begin(), tokens.end(), next_.data<std::int32_t>());
}

}  // namespace dsabench
