#include "suites/facts/vocabulary.h"

#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include "suite_files.h"

namespace dsabench::facts {
namespace {

constexpr std::array<std::string_view, kNumSymbols> kSymbols{
    "<unk>", ";",        ".",       "false",  "true",   "note:",   "box:",  "pair:",  "link:",
    "bell:", "edge:",    "say:",    "doc:",   "field:", "start:",  "plus:", "times:", "signal:",
    "both:", "either:",  "differ:", "rank:",  "rule:",  "box?",    "pair?", "link?",  "bell?",
    "walk?", "parents?", "say?",    "field?", "count?", "signal?", "rank?", "rule?"};

std::vector<std::string> spell_vocabulary() {
  std::vector<std::string> words(kSymbols.begin(), kSymbols.end());
  for (int number = 0; number < kNumNumbers; ++number) words.push_back(std::to_string(number));
  std::string_view names = embedded::suite_files::facts_names_txt;
  while (!names.empty()) {
    const std::size_t end = names.find('\n');
    words.emplace_back(names.substr(0, end));
    names.remove_prefix(end + 1);
  }
  return words;
}

}  // namespace

std::span<const std::string> vocabulary() {
  static const std::vector<std::string> words = spell_vocabulary();
  return words;
}

Names::Names(const CounterRandom& random) : random_(random) {
  std::iota(left_.begin(), left_.end(), name_word(0));
}

Word Names::draw() {
  // One step of Fisher-Yates; the last index throws where none is left.
  Word& next = left_.at(drawn_);
  std::swap(next, left_[drawn_ + random_.below(kNumNames - drawn_)]);
  ++drawn_;
  return next;
}

}  // namespace dsabench::facts
