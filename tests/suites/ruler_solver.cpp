#include "tests/suites/ruler_solver.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <map>
#include <sstream>
#include <stdexcept>

namespace dsabench::test {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string between(const std::string& text, const std::string& before, const std::string& after) {
  const std::size_t begin = text.find(before);
  if (begin == std::string::npos) throw std::runtime_error("no '" + before + "' in: " + text);
  const std::size_t from = begin + before.size();
  const std::size_t end = text.find(after, from);
  if (end == std::string::npos) throw std::runtime_error("no '" + after + "' in: " + text);
  return text.substr(from, end - from);
}

std::vector<std::string> solve_needle(const std::vector<std::string>& lines) {
  const std::string subject = between(lines.back(), "What is the ", " in the text above?");
  std::vector<std::string> values;
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    if (lines[i].find(subject) == std::string::npos) continue;
    values.push_back(between(lines[i], subject + " is ", "."));
  }
  if (values.size() != 1) throw std::runtime_error("not one sentence about the " + subject);
  return values;
}

std::vector<std::string> solve_variables(const std::vector<std::string>& lines) {
  const std::string wanted = between(lines.back(), "hold the value ", ",");
  std::map<std::string, std::string> values;
  std::vector<std::string> names;
  for (const std::string& line : lines) {
    const std::vector<std::string> words = words_of(line);
    if (words.size() < 4 || words[0] != "VAR" || words[2] != "=") continue;
    const std::string value = words[3] == "VAR" ? values.at(words[4]) : words[3];
    if (!values.emplace(words[1], value).second) throw std::runtime_error(line);
    if (value == wanted) names.push_back(words[1]);
  }
  if (std::to_string(names.size()) != between(lines.back(), "Which ", " variables")) {
    throw std::runtime_error("another number of variables: " + lines.back());
  }
  return names;
}

/// The `count` words that come most often; the next one must come less often, and where `ordered`,
/// each less often than the one before.
std::vector<std::string> most_frequent(const std::vector<std::string>& words, std::size_t count,
                                       bool ordered) {
  std::map<std::string, std::int64_t> counts;
  for (const std::string& word : words) ++counts[word];
  std::vector<std::pair<std::string, std::int64_t>> ranked(counts.begin(), counts.end());
  std::sort(ranked.begin(), ranked.end(),
            [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> result;
  for (std::size_t i = 0; i < count; ++i) {
    const bool must_differ = ordered || i + 1 == count;
    if (must_differ && i + 1 < ranked.size() && ranked[i].second == ranked[i + 1].second) {
      throw std::runtime_error("a tie between " + ranked[i].first + " and " + ranked[i + 1].first);
    }
    result.push_back(ranked.at(i).first);
  }
  return result;
}

std::vector<std::string> solve_common_words(const std::vector<std::string>& lines) {
  std::vector<std::string> words;
  std::int64_t number = 0;
  for (const std::string& word : words_of(lines.at(lines.size() - 2))) {
    if (words.size() == static_cast<std::size_t>(number)) {
      if (word != std::to_string(++number) + ".") throw std::runtime_error("numbering: " + word);
    } else {
      words.push_back(word);
    }
  }
  return most_frequent(words, 10, false);
}

std::vector<std::string> solve_frequent_words(const std::vector<std::string>& lines) {
  std::vector<std::string> words;
  for (const std::string& word : words_of(lines.at(lines.size() - 2))) {
    if (word != "...") words.push_back(word);
  }
  return most_frequent(words, 3, true);
}

}  // namespace

std::vector<std::string> solve_ruler(std::string_view task, const std::string& prompt) {
  const std::vector<std::string> lines = lines_of(prompt);
  if (task.substr(0, 4) == "niah") return solve_needle(lines);
  if (task == "vt") return solve_variables(lines);
  if (task == "cwe") return solve_common_words(lines);
  if (task == "fwe") return solve_frequent_words(lines);
  throw std::runtime_error("no solver for " + std::string(task));
}

std::int64_t occurrences(std::string_view text, std::string_view word) {
  const auto same = [](unsigned char a, unsigned char b) {
    return std::tolower(a) == std::tolower(b);
  };
  std::int64_t count = 0;
  for (auto at = text.begin();; ++at) {
    at = std::search(at, text.end(), word.begin(), word.end(), same);
    if (at == text.end()) return count;
    ++count;
  }
}

}  // namespace dsabench::test
