#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dsabench {

/// Text to tokens and back. Immutable and thread-safe.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual std::vector<std::int32_t> encode(std::string_view text) const = 0;
  /// Throws InvalidArgument for a token outside [0, vocab_size()).
  virtual std::string decode(std::span<const std::int32_t> tokens) const = 0;
  virtual std::int64_t vocab_size() const = 0;
  /// Name and content hash, for identity: "bytes".
  virtual std::string id() const = 0;
};

/// One token per byte, ids 0..255, no special tokens; for models with at least 256 entries.
class ByteTokenizer final : public Tokenizer {
 public:
  std::vector<std::int32_t> encode(std::string_view text) const override;
  std::string decode(std::span<const std::int32_t> tokens) const override;
  std::int64_t vocab_size() const override { return 256; }
  std::string id() const override { return "bytes"; }
};

}  // namespace dsabench
