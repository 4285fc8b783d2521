#include "engine/text/word_level_tokenizer.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// The bytes of the white space that `text` begins with: one code point with the property
/// White_Space; 0 where there is none.
std::size_t white_space_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned first = byte(0), second = byte(1), third = byte(2);
  if ((first >= 0x09 && first <= 0x0d) || first == 0x20) return 1;
  if (first == 0xc2) return second == 0x85 || second == 0xa0 ? 2 : 0;  // U+0085, U+00A0
  if (first == 0xe1) return second == 0x9a && third == 0x80 ? 3 : 0;   // U+1680
  if (first == 0xe3) return second == 0x80 && third == 0x80 ? 3 : 0;   // U+3000
  if (first != 0xe2) return 0;
  if (second == 0x81) return third == 0x9f ? 3 : 0;  // U+205F
  if (second != 0x80) return 0;
  // U+2000 to U+200A, U+2028, U+2029, U+202F
  const bool space =
      (third >= 0x80 && third <= 0x8a) || third == 0xa8 || third == 0xa9 || third == 0xaf;
  return space ? 3 : 0;
}

bool has_white_space(std::string_view text) {
  for (; !text.empty(); text.remove_prefix(1)) {
    if (white_space_bytes(text) > 0) return true;
  }
  return false;
}

/// No word holds a line feed, so that no two vocabularies spell alike.
std::string vocabulary_id(const WordLevelTokenizer::Vocabulary& vocabulary) {
  const std::string text = fmt::format("{}\n\n{}\n\n{}", fmt::join(vocabulary.words, "\n"),
                                       vocabulary.unknown, fmt::join(vocabulary.special, "\n"));
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return fmt::format("word-level/{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace

WordLevelTokenizer::WordLevelTokenizer(Vocabulary vocabulary, const std::string& origin)
    : vocabulary_(std::move(vocabulary)) {
  const auto& [words, unknown, special] = vocabulary_;
  if (words.size() > kMaxWords || special.size() > kMaxSpecialWords) {
    throw InvalidArgument(
        fmt::format("{}: at most {} words and {} special words are read, got {} and {}", origin,
                    kMaxWords, kMaxSpecialWords, words.size(), special.size()));
  }
  for (const std::string& word : words) {
    if (word.empty() || has_white_space(word)) {
      throw InvalidArgument(fmt::format(
          "{}: a word must be without white space and not empty, got '{}'", origin, word));
    }
    if (!tokens_.emplace(word, static_cast<std::int32_t>(tokens_.size())).second) {
      throw InvalidArgument(fmt::format("{}: word given twice: '{}'", origin, word));
    }
  }
  const auto token_of = [&](const std::string& word, const char* kind) {
    const auto found = tokens_.find(word);
    if (found != tokens_.end()) return found->second;
    throw InvalidArgument(
        fmt::format("{}: the {} word must be one of the vocabulary, got '{}'", origin, kind, word));
  };
  unknown_ = token_of(unknown, "unknown");
  for (const std::string& word : special) {
    token_of(word, "special");
    if (&word != &*std::find(special.begin(), special.end(), word)) {
      throw InvalidArgument(fmt::format("{}: special word given twice: '{}'", origin, word));
    }
    begins_special_[static_cast<unsigned char>(word[0])] = true;
  }
  id_ = vocabulary_id(vocabulary_);
}

std::string_view WordLevelTokenizer::special_at(std::string_view text) const {
  std::string_view longest;
  if (!begins_special_[static_cast<unsigned char>(text[0])]) return longest;
  for (const std::string& word : vocabulary_.special) {
    if (word.size() > longest.size() && text.starts_with(word)) longest = word;
  }
  return longest;
}

void WordLevelTokenizer::append_words(std::string_view text,
                                      std::vector<std::int32_t>& tokens) const {
  while (!text.empty()) {
    std::size_t end = 0, space = 0;
    while (end < text.size() && (space = white_space_bytes(text.substr(end))) == 0) ++end;
    if (end > 0) {
      const auto found = tokens_.find(text.substr(0, end));
      tokens.push_back(found == tokens_.end() ? unknown_ : found->second);
    }
    text.remove_prefix(end + space);
  }
}

std::vector<std::int32_t> WordLevelTokenizer::encode(std::string_view text) const {
  std::vector<std::int32_t> tokens;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view special = special_at(text.substr(at));
    if (special.empty()) {
      ++at;
      continue;
    }
    append_words(text.substr(begin, at - begin), tokens);
    tokens.push_back(tokens_.find(special)->second);
    begin = at += special.size();
  }
  append_words(text.substr(begin), tokens);
  return tokens;
}

std::string WordLevelTokenizer::decode(std::span<const std::int32_t> tokens) const {
  std::string text;
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= vocab_size()) {
      throw InvalidArgument(
          fmt::format("token must be from 0 to {} to be a word, got {}", vocab_size() - 1, token));
    }
    if (!text.empty()) text += ' ';
    text += vocabulary_.words[static_cast<std::size_t>(token)];
  }
  return text;
}

}  // namespace dsabench
