#include "harness/run/prompt_caches.h"

#include <fmt/format.h>

#include "kernels/base/error.h"

namespace dsabench {

PromptCaches::PromptCaches(Engine& engine, std::span<const Sample> prompts, std::int64_t batch,
                           std::int64_t prompt_tokens, std::int64_t decode_tokens)
    : engine_(engine),
      samples_(prompts),
      batch_(batch),
      prompt_tokens_(prompt_tokens),
      decode_tokens_(decode_tokens) {
  if (prompts.empty() || (std::ssize(prompts) != batch && prompts.size() != 1)) {
    throw InvalidArgument(fmt::format("{} prompts for a batch of {}", prompts.size(), batch));
  }
  for (const Sample& sample : prompts) {
    if (std::ssize(sample.prompt_tokens) == prompt_tokens) continue;
    throw InvalidArgument(fmt::format("prompt {} has {} tokens instead of {}", sample.item_id,
                                      sample.prompt_tokens.size(), prompt_tokens));
  }
}

void PromptCaches::open() {
  for (const std::int64_t sequence : sequences_) engine_.remove_sequence(sequence);
  sequences_.clear();
  to_fill_.clear();
  // At once: a pool that grows sequence by sequence holds its old and its new size on the way.
  const std::int64_t capacity = prompt_tokens_ + decode_tokens_;
  engine_.reserve(batch_, capacity);
  for (std::int64_t i = 0; i < batch_; ++i) sequences_.push_back(engine_.add_sequence(capacity));
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    to_fill_.push_back({sequences_[i], samples_[i].prompt_tokens});
  }
}

void PromptCaches::share() {
  for (std::size_t i = to_fill_.size(); i < sequences_.size(); ++i) {
    engine_.copy_sequence(sequences_.front(), sequences_[i]);
  }
}

void PromptCaches::forget_steps() {
  for (const std::int64_t sequence : sequences_) engine_.truncate(sequence, prompt_tokens_);
}

}  // namespace dsabench
