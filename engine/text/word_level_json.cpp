#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/model/config_reader.h"
#include "engine/model/strict_json.h"
#include "engine/text/word_level_tokenizer.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

using nlohmann::json;

void refuse_unknown_keys(const ConfigReader& reader) {
  const std::vector<std::string> unknown = reader.unknown_keys();
  if (!unknown.empty()) reader.fail(unknown.front(), "absent");
}

void require_null(ConfigReader& reader, std::string_view key) {
  if (reader.has(key)) reader.fail(key, "null");
}

void require_string(ConfigReader& reader, std::string_view key, const std::string& expected) {
  if (reader.string(key) != expected) reader.fail(key, fmt::format("\"{}\"", expected));
}

ConfigReader required_object(ConfigReader& reader, std::string_view key) {
  auto object = reader.object(key);
  if (!object) reader.fail(key, "an object");
  return *object;
}

/// Words at the places that their tokens say.
class WordList {
 public:
  explicit WordList(std::string file) : file_(std::move(file)) {}

  void add(const std::string& field, const std::string& word, const json& token) {
    if (!token.is_number_unsigned() ||
        token.get<std::uint64_t>() >= WordLevelTokenizer::kMaxWords) {
      throw InvalidArgument(fmt::format("{}: {} must be an integer from 0 to {}, got {}", file_,
                                        field, WordLevelTokenizer::kMaxWords - 1,
                                        json_excerpt(token)));
    }
    const auto place = token.get<std::size_t>();
    if (words_.size() <= place) words_.resize(place + 1);
    if (words_[place] == word) return;  // an added token may be one of the vocabulary
    if (!words_[place].empty()) {
      throw InvalidArgument(fmt::format("{}: {} must be a token of its own, got {}, which is {}",
                                        file_, field, place, json_excerpt(words_[place])));
    }
    words_[place] = word;
    ++count_;
  }

  std::vector<std::string> take() {
    if (count_ != words_.size()) {
      throw InvalidArgument(fmt::format(
          "{}: model.vocab must have a word for every token, got {} words and tokens up to {}",
          file_, count_, words_.size() - 1));
    }
    return std::move(words_);
  }

 private:
  std::string file_;
  std::vector<std::string> words_;  ///< empty: none yet
  std::size_t count_ = 0;
};

void read_vocab(const json& model, const ConfigReader& reader, WordList& words) {
  const auto vocab = model.find("vocab");
  if (vocab == model.end() || !vocab->is_object()) reader.fail("vocab", "an object");
  for (const auto& [word, token] : vocab->items()) {
    if (word.empty()) reader.fail("vocab", "without the empty word");
    words.add("model.vocab." + json_excerpt(word), word, token);
  }
}

/// The words that are found before all others; they join the list.
std::vector<std::string> read_added_tokens(const json& root, ConfigReader& reader,
                                           const std::string& file, WordList& words) {
  if (!reader.has("added_tokens")) return {};
  const json& list = root.at("added_tokens");
  if (!list.is_array()) reader.fail("added_tokens", "a list");
  std::vector<std::string> special;
  for (const json& token : list) {
    const std::string field = fmt::format("added_tokens[{}]", special.size());
    if (!token.is_object()) {
      throw InvalidArgument(
          fmt::format("{}: {} must be an object, got {}", file, field, json_excerpt(token)));
    }
    ConfigReader entry(token, file, field + ".");
    const auto content = entry.string("content");
    if (!content || content->empty()) entry.fail("content", "a word");
    for (const char* key : {"single_word", "lstrip", "rstrip", "normalized"}) {
      if (entry.boolean(key).value_or(false)) entry.fail(key, "false");
    }
    entry.boolean("special");  // says what to leave out when decoding, which leaves nothing out
    if (!entry.has("id")) entry.fail("id", "an integer");
    refuse_unknown_keys(entry);
    words.add(field + ".id", *content, token.at("id"));
    special.push_back(*content);
  }
  return special;
}

}  // namespace

WordLevelTokenizer WordLevelTokenizer::from_json(std::string_view text, const std::string& file) {
  const json root = parse_strict_json(text, file);
  if (!root.is_object()) {
    throw InvalidArgument(
        fmt::format("{}: must be a JSON object, got {}", file, json_excerpt(root)));
  }
  ConfigReader reader(root, file);
  require_string(reader, "version", "1.0");
  for (const char* key : {"truncation", "padding", "normalizer", "post_processor", "decoder"}) {
    require_null(reader, key);
  }
  ConfigReader split = required_object(reader, "pre_tokenizer");
  require_string(split, "type", "WhitespaceSplit");
  refuse_unknown_keys(split);

  ConfigReader model = required_object(reader, "model");
  require_string(model, "type", "WordLevel");
  const auto unknown = model.string("unk_token");
  if (!unknown) model.fail("unk_token", "a word");
  model.ignore("vocab");
  refuse_unknown_keys(model);

  WordList words(file);
  read_vocab(root.at("model"), model, words);
  std::vector<std::string> special = read_added_tokens(root, reader, file, words);
  refuse_unknown_keys(reader);
  return WordLevelTokenizer({words.take(), *unknown, std::move(special)}, file);
}

std::string WordLevelTokenizer::to_json() const {
  json root = {{"version", "1.0"},
               {"truncation", nullptr},
               {"padding", nullptr},
               {"added_tokens", json::array()},
               {"normalizer", nullptr},
               {"pre_tokenizer", {{"type", "WhitespaceSplit"}}},
               {"decoder", nullptr},
               {"post_processor", nullptr},
               {"model", {{"type", "WordLevel"}, {"unk_token", vocabulary_.unknown}}}};
  json& vocab = root["model"]["vocab"] = json::object();
  for (std::size_t token = 0; token < vocabulary_.words.size(); ++token) {
    vocab[vocabulary_.words[token]] = token;
  }
  for (const std::string& word : vocabulary_.special) {
    root["added_tokens"].push_back({{"id", tokens_.find(word)->second},
                                    {"content", word},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", false},
                                    {"special", true}});
  }
  try {
    return root.dump(1);
  } catch (const json::exception& error) {
    throw InvalidArgument(fmt::format("vocabulary: words must be UTF-8: {}", error.what()));
  }
}

}  // namespace dsabench
