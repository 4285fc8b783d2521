#include "suites/ruler_synth/words.h"

#include <fmt/format.h>

#include <algorithm>

#include "suite_files.h"

namespace dsabench::ruler_synth {
namespace {

constexpr std::string_view kConsonants = "bdfgklmnprstvz";
constexpr std::string_view kVowels = "aeiou";

std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> result;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) result.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string Words::key(std::uint64_t index) const {
  return adjectives[index / nouns.size()] + "-" + nouns[index % nouns.size()];
}

const Words& builtin_words() {
  static const Words words = [] {
    Words list;
    list.adjectives = lines(embedded::suite_files::ruler_synth_adjectives_txt);
    list.nouns = lines(embedded::suite_files::ruler_synth_nouns_txt);
    list.all = list.adjectives;
    list.all.insert(list.all.end(), list.nouns.begin(), list.nouns.end());
    return list;
  }();
  return words;
}

std::string letters(std::uint64_t index, int length, char first) {
  std::string word(static_cast<std::size_t>(length), first);
  for (char& c : word) {
    c = static_cast<char>(first + static_cast<char>(index % 26));
    index /= 26;
  }
  return word;
}

std::uint64_t num_letter_strings(int length) {
  std::uint64_t count = 1;
  for (int i = 0; i < length; ++i) count *= 26;
  return count;
}

std::string uuid(const CounterRandom& random, std::uint64_t index) {
  const std::uint64_t high = random.at(2 * index), low = random.at(2 * index + 1);
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff,
                     high & 0xfff, (low >> 48 & 0x3fff) | 0x8000, low & 0xffffffffffff);
}

std::string coined_word(std::uint64_t index) {
  std::string word;
  for (int i = 0; i < 7; ++i) {
    const std::string_view from = i % 2 == 0 ? kConsonants : kVowels;
    word += from[index % from.size()];
    index /= from.size();
  }
  return word;
}

std::uint64_t num_coined_words() {
  std::uint64_t count = 1;
  for (int i = 0; i < 7; ++i) count *= i % 2 == 0 ? kConsonants.size() : kVowels.size();
  return count;
}

std::string fill(std::string text,
                 std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  for (const auto& [name, value] : values) {
    const std::string hole = fmt::format("{{{}}}", name);
    for (std::size_t at = text.find(hole); at != std::string::npos;
         at = text.find(hole, at + value.size())) {
      text.replace(at, hole.size(), value);
    }
  }
  return text;
}

bool contains_word(std::string_view text, std::string_view word) {
  return std::search(text.begin(), text.end(), word.begin(), word.end(),
                     [](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

}  // namespace dsabench::ruler_synth
