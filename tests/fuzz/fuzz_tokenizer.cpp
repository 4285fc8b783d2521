// Any bytes are tokens and back; any tokens are bytes and back, or are refused with the first that
// is none.
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "engine/text/tokenizer.h"
#include "kernels/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace dsabench;
  const ByteTokenizer tokenizer;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::vector<std::int32_t> encoded = tokenizer.encode(text);
  for (const std::int32_t token : encoded) {
    if (token < 0 || token >= tokenizer.vocab_size()) std::abort();
  }
  if (tokenizer.decode(encoded) != text) std::abort();

  std::vector<std::int32_t> tokens(size / sizeof(std::int32_t));
  if (!tokens.empty()) std::memcpy(tokens.data(), data, tokens.size() * sizeof(std::int32_t));
  bool known = true;
  for (const std::int32_t token : tokens) known &= token >= 0 && token < tokenizer.vocab_size();
  try {
    if (tokenizer.encode(tokenizer.decode(tokens)) != tokens || !known) std::abort();
  } catch (const InvalidArgument&) {
    if (known) std::abort();
  }
  return 0;
}
