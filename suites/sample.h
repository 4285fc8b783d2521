#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace dsabench {

/// One question. Either `prompt` (text) or `prompt_tokens` (token ids of an exact count, for speed)
/// is set.
struct Sample {
  std::string item_id;  ///< stable within suite, version, seed and context
  std::string task;     ///< "niah_single_1", ...
  std::string prompt;
  std::vector<std::int32_t> prompt_tokens;
  std::string answer_prefix;            ///< put at the start of the answer
  std::vector<std::string> references;  ///< what a right answer contains
  std::int64_t max_new_tokens = 0;
  std::int64_t context_tokens = 0;  ///< the bucket that was asked for
};

}  // namespace dsabench
