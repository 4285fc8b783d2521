// The first line of any text is a tokenizer.json or is refused with an error of ours; the tokenizer
// is written and read back alike, and what it makes of the rest can be spelled and read again.
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/text/word_level_tokenizer.h"
#include "kernels/base/error.h"

namespace {

void use(const dsabench::WordLevelTokenizer& tokenizer, std::string_view text) {
  using dsabench::WordLevelTokenizer;
  const std::string json = tokenizer.to_json();
  if (WordLevelTokenizer::from_json(json, "again").to_json() != json) std::abort();
  const std::vector<std::int32_t> tokens = tokenizer.encode(text);
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= tokenizer.vocab_size()) std::abort();
  }
  // A word that holds a special one is split when it is read; without such every word is itself.
  const std::string spelled = tokenizer.decode(tokens);
  if (tokenizer.vocabulary().special.empty() && tokenizer.encode(spelled) != tokens) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace dsabench;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\n');
  const std::string_view json = input.substr(0, end);
  const std::string_view text = end == std::string_view::npos ? "" : input.substr(end);
  try {
    const WordLevelTokenizer tokenizer = WordLevelTokenizer::from_json(json, "fuzz");
    use(tokenizer, text);
  } catch (const InvalidArgument&) {
  } catch (const ParseError&) {
  }
  return 0;
}
