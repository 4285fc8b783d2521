#pragma once
#include "engine/text/tokenizer.h"
#include "suites/suite.h"

namespace dsabench {

/// Counts a tokenizer's tokens, which outlives it.
class TokenizerCounter final : public TokenCounter {
 public:
  explicit TokenizerCounter(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  std::int64_t count(std::string_view text) const override {
    return static_cast<std::int64_t>(tokenizer_.encode(text).size());
  }

 private:
  const Tokenizer& tokenizer_;
};

}  // namespace dsabench
