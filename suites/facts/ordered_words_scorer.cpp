#include "suites/facts/ordered_words_scorer.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

std::vector<std::string> words_of(std::string_view answer) {
  std::vector<std::string> words;
  bool in_word = false;
  for (const char c : answer) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool part = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (part) {
      if (!in_word) words.emplace_back();
      words.back() += upper ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!words.empty() && (c == '.' || c == ';' || c == '\n')) {
      break;
    }
    in_word = part;
  }
  words.erase(std::remove(words.begin(), words.end(), "and"), words.end());
  return words;
}

}  // namespace

double OrderedWordsScorer::score(const Sample& sample, std::string_view answer) const {
  const std::vector<std::string>& references = sample.references;
  if (references.empty()) {
    throw InvalidArgument(fmt::format("{}: item {} has no reference", name(), sample.item_id));
  }
  const std::vector<std::string> words = words_of(answer);
  if (references.size() == 1) return words == references ? 1.0 : 0.0;
  std::size_t right = 0;
  for (std::size_t i = 0; i < std::min(words.size(), references.size()); ++i) {
    if (words[i] == references[i]) ++right;
  }
  return static_cast<double>(right) /
         static_cast<double>(std::max(words.size(), references.size()));
}

}  // namespace dsabench
