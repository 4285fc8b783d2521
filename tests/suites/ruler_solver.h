#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace dsabench::test {

/// Answers a ruler-synth question from the text of the prompt alone, knowing nothing of how it was
/// made. Throws std::runtime_error where the prompt has no single right answer: a key that comes
/// twice, a chain that does not close, counts that tie.
std::vector<std::string> solve_ruler(std::string_view task, const std::string& prompt);

/// How often `word` comes in `text`, ASCII case ignored, overlaps counted.
std::int64_t occurrences(std::string_view text, std::string_view word);

}  // namespace dsabench::test
