#pragma once
/// Solves prompts of the facts suites from their text alone, with no code of the suites.
#include <string>
#include <string_view>
#include <vector>

namespace dsabench::test {

/// A prompt as its reader understands it: sentences as their form and words, "box: acorn hat" in
/// either rendering. Notes and filling are left out.
struct FactsReading {
  std::vector<std::vector<std::string>> statements;
  std::vector<std::string> question;
};

/// Throw std::runtime_error where a sentence is none that is known.
FactsReading read_compact_facts(std::string_view prompt);
FactsReading read_text_facts(std::string_view prompt);

/// The words of the answer.
std::vector<std::string> solve_facts(const FactsReading& reading);

/// What a reader may guess the first word of the answer to be who knows which words could be, but
/// does not follow the statements: in their order, as often as stated.
std::vector<std::string> guesses_of_facts(const FactsReading& reading);

}  // namespace dsabench::test
