#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "suites/counter_random.h"

namespace dsabench::facts {

/// An entry of the closed vocabulary: its index in vocabulary(). Symbols come first, then numbers,
/// then names.
using Word = std::uint16_t;

/// Words with a meaning of their own. A statement begins with the marker of its form ("box:"), a
/// question with the marker of what it asks ("box?").
enum Symbol : Word {
  kUnknown,  ///< what is no word: the tokenizer's
  kEnd,      ///< after every answer
  kDot,      ///< means nothing: fills a length
  kFalse,
  kTrue,
  kNote,    ///< a b c: means nothing, of the words that matter elsewhere
  kBox,     ///< key value
  kPair,    ///< key key value
  kLink,    ///< a b: a stands for b
  kBell,    ///< a: one more a
  kEdge,    ///< a b: from a to b
  kSay,     ///< request reply
  kDoc,     ///< a document begins
  kField,   ///< key value: of the document
  kStart,   ///< a number
  kPlus,    ///< a b number: a is b plus number
  kTimes,   ///< a b number: a is b times number
  kSignal,  ///< a true|false
  kBoth,    ///< a b c: a is b and c
  kEither,  ///< a b c: a is b or c
  kDiffer,  ///< a b c: a is b xor c
  kRank,    ///< a number
  kRule,    ///< key number word last: the word said so often, then the last
  kAskBox,
  kAskPair,
  kAskLink,
  kAskBell,
  kAskWalk,
  kAskParents,
  kAskSay,
  kAskField,
  kAskCount,
  kAskSignal,
  kAskRank,
  kAskRule,
  kNumSymbols
};

inline constexpr Word kNumNumbers = 32;
inline constexpr Word kNumNames = 512;
inline constexpr Word kVocabularySize = kNumSymbols + kNumNumbers + kNumNames;

/// number in [0, kNumNumbers).
constexpr Word number_word(std::uint64_t number) { return static_cast<Word>(kNumSymbols + number); }
/// index in [0, kNumNames).
constexpr Word name_word(std::uint64_t index) {
  return static_cast<Word>(kNumSymbols + kNumNumbers + index);
}

/// The spelling of every word, kVocabularySize of them, all different and without white space.
std::span<const std::string> vocabulary();

/// A short run of words: a statement, a question or an answer.
class Words {
 public:
  static constexpr std::size_t kMost = 12;

  Words(std::initializer_list<Word> words) {
    for (const Word word : words) push_back(word);
  }
  void push_back(Word word) { words_.at(size_++) = word; }
  const Word* begin() const { return words_.data(); }
  const Word* end() const { return words_.data() + size_; }
  std::size_t size() const { return size_; }
  Word operator[](std::size_t i) const { return words_[i]; }
  Word back() const { return words_[size_ - 1u]; }

 private:
  std::array<Word, kMost> words_{};
  std::uint16_t size_ = 0;
};

/// Names in random order, each once. Throws std::out_of_range beyond kNumNames.
class Names {
 public:
  explicit Names(const CounterRandom& random);
  Word draw();

 private:
  CounterRandom random_;
  std::array<Word, kNumNames> left_;
  std::size_t drawn_ = 0;
};

}  // namespace dsabench::facts
