#pragma once
/// Tokenizers that differ by a factor of six, for length fitting.
#include <cctype>

#include "suites/suite.h"

namespace dsabench::test {

class ByteCounter final : public TokenCounter {
 public:
  std::int64_t count(std::string_view text) const override {
    return static_cast<std::int64_t>(text.size());
  }
};

/// Runs of letters and digits are one token each, so is every other visible character.
class WordCounter final : public TokenCounter {
 public:
  std::int64_t count(std::string_view text) const override {
    std::int64_t tokens = 0;
    bool in_word = false;
    for (const char c : text) {
      const bool word = std::isalnum(static_cast<unsigned char>(c)) != 0;
      if (word ? !in_word : !std::isspace(static_cast<unsigned char>(c))) ++tokens;
      in_word = word;
    }
    return tokens;
  }
};

/// One token for what stands between white space, as word-level tokenizers count.
class SpaceCounter final : public TokenCounter {
 public:
  std::int64_t count(std::string_view text) const override {
    std::int64_t tokens = 0;
    bool in_word = false;
    for (const char c : text) {
      const bool word = !std::isspace(static_cast<unsigned char>(c));
      if (word && !in_word) ++tokens;
      in_word = word;
    }
    return tokens;
  }
};

}  // namespace dsabench::test
