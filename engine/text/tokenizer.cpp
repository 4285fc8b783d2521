#include "engine/text/tokenizer.h"

#include <fmt/format.h>

#include "kernels/base/error.h"

namespace dsabench {

std::vector<std::int32_t> ByteTokenizer::encode(std::string_view text) const {
  std::vector<std::int32_t> tokens;
  tokens.reserve(text.size());
  for (const char byte : text) tokens.push_back(static_cast<unsigned char>(byte));
  return tokens;
}

std::string ByteTokenizer::decode(std::span<const std::int32_t> tokens) const {
  std::string text;
  text.reserve(tokens.size());
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= vocab_size()) {
      throw InvalidArgument(fmt::format("token must be from 0 to 255 to be a byte, got {}", token));
    }
    text += static_cast<char>(token);
  }
  return text;
}

}  // namespace dsabench
