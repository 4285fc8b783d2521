#pragma once
#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/text/tokenizer.h"

namespace dsabench {

/// A closed vocabulary of whole words, as Hugging Face's `WordLevel` model behind a
/// `WhitespaceSplit` pre-tokenizer: white space (Unicode's) parts words, and a word that the
/// vocabulary lacks becomes the unknown one. Special words are found first, also inside others,
/// leftmost and longest. Decoding puts one space between words and leaves no word out.
class WordLevelTokenizer final : public Tokenizer {
 public:
  static constexpr std::size_t kMaxWords = 1 << 20;
  static constexpr std::size_t kMaxSpecialWords = 256;

  struct Vocabulary {
    std::vector<std::string> words;    ///< word i has token i; UTF-8
    std::string unknown;               ///< one of the words
    std::vector<std::string> special;  ///< some of the words
  };

  /// Throws InvalidArgument, with `origin` before its message, for a word that is empty, has white
  /// space in it or comes twice, for unknown and special words that are none of the words, special
  /// words given twice, and beyond the limits above.
  explicit WordLevelTokenizer(Vocabulary vocabulary, const std::string& origin = "vocabulary");

  /// Reads the text of a tokenizer.json. Throws ParseError where it is no JSON, InvalidArgument
  /// that names the file, the field, what it must be and what it is for all that this class does
  /// not do: normalizers, other pre-tokenizers, post-processors, decoders, truncation, padding,
  /// special words that take white space with them, fields that are not known, tokens with gaps.
  static WordLevelTokenizer from_json(std::string_view text, const std::string& file);
  /// The text of a tokenizer.json from which from_json() makes this tokenizer again. Throws
  /// InvalidArgument where a word is not UTF-8.
  std::string to_json() const;

  std::vector<std::int32_t> encode(std::string_view text) const override;
  std::string decode(std::span<const std::int32_t> tokens) const override;
  std::int64_t vocab_size() const override { return std::ssize(vocabulary_.words); }
  /// "word-level/" and a hash of words, unknown and special words.
  std::string id() const override { return id_; }
  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  /// The longest special word that `text` begins with; empty where none.
  std::string_view special_at(std::string_view text) const;
  void append_words(std::string_view text, std::vector<std::int32_t>& tokens) const;

  Vocabulary vocabulary_;
  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> tokens_;
  std::int32_t unknown_ = 0;
  std::array<bool, 256> begins_special_{};  ///< by a text's first byte
  std::string id_;
};

}  // namespace dsabench
