#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "suites/counter_random.h"

namespace dsabench::ruler_synth {

/// The suite's own English words. No word contains another, or is contained in the suite's
/// sentences, so that a substring match finds a word only where it was said.
struct Words {
  std::vector<std::string> adjectives, nouns;
  std::vector<std::string> all;  ///< adjectives, then nouns

  std::uint64_t num_keys() const { return adjectives.size() * nouns.size(); }
  /// "adjective-noun", a bijection from [0, num_keys()).
  std::string key(std::uint64_t index) const;
};

/// The lists that are compiled in.
const Words& builtin_words();

/// `length` letters from `first` on in the alphabet, a bijection from [0, 26^length).
std::string letters(std::uint64_t index, int length, char first);
/// 26^length.
std::uint64_t num_letter_strings(int length);

/// Looks like a version 4 UUID; `random.at(2 i)` and `at(2 i + 1)` make number i.
std::string uuid(const CounterRandom& random, std::uint64_t index);

/// A pronounceable seven-letter word that is not English by intent, a bijection from
/// [0, num_coined_words()).
std::string coined_word(std::uint64_t index);
std::uint64_t num_coined_words();

/// `text` with every {name} replaced. Braces of other names stay.
std::string fill(std::string text,
                 std::initializer_list<std::pair<std::string_view, std::string_view>> values);

/// Whether `text` contains `word`, ASCII case ignored in both.
bool contains_word(std::string_view text, std::string_view word);

}  // namespace dsabench::ruler_synth
