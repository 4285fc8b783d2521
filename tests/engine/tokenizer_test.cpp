#include "engine/text/tokenizer.h"

#include "kernels/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/support/random.h"

namespace dsabench::test {

TEST_CASE("tokenizer: bytes survive the way to tokens and back") {
  DSABENCH_SEEDED(random);
  const ByteTokenizer tokenizer;
  std::string text;
  for (int byte = 0; byte < 256; ++byte) text += static_cast<char>(byte);
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(random.integer(0, 255));
  const std::vector<std::int32_t> tokens = tokenizer.encode(text);
  REQUIRE(tokens.size() == text.size());
  for (int byte = 0; byte < 256; ++byte) CHECK(tokens[std::size_t(byte)] == byte);
  CHECK(tokenizer.decode(tokens) == text);
  CHECK(tokenizer.encode("").empty());
  CHECK(tokenizer.vocab_size() == 256);
  CHECK(tokenizer.id() == "bytes");
}

TEST_CASE("tokenizer: tokens that are no byte are refused") {
  const ByteTokenizer tokenizer;
  for (const std::int32_t token : {-1, 256, INT32_MIN, INT32_MAX}) {
    const std::int32_t tokens[] = {65, token};
    CHECK(contains(message_of<InvalidArgument>([&] { tokenizer.decode(tokens); }),
                   std::to_string(token)));
  }
}

}  // namespace dsabench::test
