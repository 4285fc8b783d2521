#include "harness/run/greedy.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/cuda/device_queue.h"
#include "kernels/ops/sampling.h"

namespace dsabench {

GreedyDecoder::GreedyDecoder(Engine& engine, std::int64_t num_sequences)
    : engine_(engine),
      queue_(cuda::device_queue(engine.device())),
      ctx_{.device = engine.device(), .stream = queue_ == nullptr ? nullptr : queue_->stream()},
      logits_(DType::f32, {num_sequences, engine.config().vocab_size}, queue_),
      next_(DType::i32, {num_sequences}, queue_),
      next_tokens_(static_cast<std::size_t>(num_sequences), -1) {
  logits_.poison();
}

void GreedyDecoder::prefill_logits(std::span<const SequenceTokens> prompts,
                                   ForwardObserver* observer) {
  engine_.prefill(prompts, LogitRows::last, logits_, observer);
}

void GreedyDecoder::choose() {
  ops::argmax(ctx_, {.logits = logits_, .out = next_});
  if (queue_ == nullptr) {
    std::copy_n(next_.data<std::int32_t>(), next_tokens_.size(), next_tokens_.begin());
    return;
  }
  queue_->copy(next_tokens_.data(), next_.data<std::int32_t>(), next_.bytes());
  queue_->wait();
}

void GreedyDecoder::prefill(std::span<const SequenceTokens> prompts, ForwardObserver* observer) {
  prefill_logits(prompts, observer);
  choose();
}

void GreedyDecoder::step(std::span<const std::int64_t> sequences, ForwardObserver* observer) {
  engine_.decode(sequences, next_tokens(), logits_, observer);
  choose();
}

void GreedyDecoder::set_next_tokens(std::span<const std::int32_t> tokens) {
  if (tokens.size() != next_tokens_.size()) {
    throw InvalidArgument(fmt::format("greedy decoding of {} sequences got {} tokens",
                                      next_tokens_.size(), tokens.size()));
  }
  std::copy(tokens.begin(), tokens.end(), next_tokens_.begin());
}

}  // namespace dsabench
