#include "engine/text/word_level_tokenizer.h"

#include <nlohmann/json.hpp>
#include <set>

#include "engine/text/tokenizer_file.h"
#include "kernels/base/error.h"
#include "suites/facts/training_sequence.h"
#include "tests/support/error_message.h"
#include "tests/support/random.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

using nlohmann::json;
using Tokens = std::vector<std::int32_t>;

const WordLevelTokenizer::Vocabulary kSmall{
    {"<unk>", ";", "box:", "acorn", "hat", "<end>", "<endless>", "\xc3\xa9t\xc3\xa9"},
    "<unk>",
    {"<end>", "<endless>"}};

std::string random_word(Random& random) {
  std::string word;
  for (std::int64_t i = random.integer(1, 6); i > 0; --i) {
    word += static_cast<char>(random.integer('!', '~'));
  }
  return word;
}

TEST_CASE("word level: words of the vocabulary survive the way to tokens and back") {
  DSABENCH_SEEDED(random);
  WordLevelTokenizer::Vocabulary vocabulary;
  std::set<std::string> words;
  while (words.size() < 200) words.insert(random_word(random));
  vocabulary.words.assign(words.begin(), words.end());
  vocabulary.unknown = vocabulary.words[17];
  const WordLevelTokenizer tokenizer(vocabulary);
  CHECK(tokenizer.vocab_size() == 200);

  Tokens tokens;
  std::string text;
  for (int i = 0; i < 500; ++i) {
    tokens.push_back(static_cast<std::int32_t>(random.integer(0, 199)));
    text += (i == 0 ? "" : " ") + vocabulary.words[std::size_t(tokens.back())];
  }
  CHECK(tokenizer.decode(tokens) == text);
  CHECK(tokenizer.encode(text) == tokens);
  const WordLevelTokenizer again = WordLevelTokenizer::from_json(tokenizer.to_json(), "again");
  CHECK(again.encode(text) == tokens);
  CHECK(again.id() == tokenizer.id());
  CHECK(again.to_json() == tokenizer.to_json());
}

TEST_CASE("word level: white space of any kind parts words, and unknown words become one") {
  const WordLevelTokenizer tokenizer(kSmall);
  CHECK(tokenizer.encode("").empty());
  CHECK(tokenizer.encode(" \t\r\n\v\f ").empty());
  CHECK(tokenizer.encode("box: acorn hat ;") == Tokens{2, 3, 4, 1});
  CHECK(tokenizer.encode("  hat\n\nhat\t") == Tokens{4, 4});
  // U+0085, U+00A0, U+1680, U+2000, U+200A, U+2028, U+202F, U+205F, U+3000
  for (const char* space : {"\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x8a",
                            "\xe2\x80\xa8", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"}) {
    CAPTURE(space);
    CHECK(tokenizer.encode(std::string("hat") + space + "acorn") == Tokens{4, 3});
  }
  // U+200B and U+001F are no white space, and neither is half of one.
  for (const char* other : {"\xe2\x80\x8b", "\x1f", "\xc2", "\xe2\x80", "\xa0"}) {
    CAPTURE(other);
    CHECK(tokenizer.encode(std::string("hat") + other + "acorn") == Tokens{0});
  }
  CHECK(tokenizer.encode("Hat hats hat; \xc3\xa9t\xc3\xa9") == Tokens{0, 0, 0, 7});
  CHECK(tokenizer.encode("<unk> hat") == Tokens{0, 4});
}

TEST_CASE("word level: special words are found inside others, the longest first") {
  const WordLevelTokenizer tokenizer(kSmall);
  CHECK(tokenizer.encode("hat<end>acorn") == Tokens{4, 5, 3});
  CHECK(tokenizer.encode("<end><end> <endless>") == Tokens{5, 5, 6});
  CHECK(tokenizer.encode("<endless") == Tokens{0});
  CHECK(tokenizer.encode("<end>less>") == Tokens{5, 0});
  CHECK(tokenizer.encode("ha<endless>t") == Tokens{0, 6, 0});
  const Tokens tokens{4, 5, 3};
  CHECK(tokenizer.decode(tokens) == "hat <end> acorn");
}

TEST_CASE("word level: tokens that are no word are refused") {
  const WordLevelTokenizer tokenizer(kSmall);
  for (const std::int32_t token : {-1, 8, INT32_MIN, INT32_MAX}) {
    const Tokens tokens{0, token};
    CHECK(contains(message_of<InvalidArgument>([&] { tokenizer.decode(tokens); }),
                   std::to_string(token)));
  }
}

TEST_CASE("word level: identity is in words, their order, the unknown and the special ones") {
  std::set<std::string> ids{WordLevelTokenizer(kSmall).id()};
  const auto changed = [&](auto change) {
    WordLevelTokenizer::Vocabulary vocabulary = kSmall;
    change(vocabulary);
    CHECK(ids.insert(WordLevelTokenizer(vocabulary).id()).second);
  };
  changed([](auto& v) { v.words[3] = "oak"; });
  changed([](auto& v) { std::swap(v.words[3], v.words[4]); });
  changed([](auto& v) { v.words.push_back("more"); });
  changed([](auto& v) { v.unknown = ";"; });
  changed([](auto& v) { v.special = {"<end>"}; });
  CHECK(WordLevelTokenizer(kSmall).id().substr(0, 11) == "word-level/");
}

TEST_CASE("word level: vocabularies that could not be read back are refused") {
  const auto refused = [](auto change) {
    WordLevelTokenizer::Vocabulary vocabulary = kSmall;
    change(vocabulary);
    return message_of<InvalidArgument>([&] { WordLevelTokenizer(vocabulary, "here"); });
  };
  CHECK(contains(refused([](auto& v) { v.words[1] = "hat"; }), "here: word given twice: 'hat'"));
  CHECK(contains(refused([](auto& v) { v.words[1] = ""; }), "white space"));
  CHECK(contains(refused([](auto& v) { v.words[1] = "a b"; }), "'a b'"));
  CHECK(contains(refused([](auto& v) { v.words[1] = "a\xe3\x80\x80"; }), "white space"));
  CHECK(contains(refused([](auto& v) { v.unknown = "none"; }), "'none'"));
  CHECK(contains(refused([](auto& v) { v.special[1] = "none"; }), "'none'"));
  CHECK(contains(refused([](auto& v) { v.words = {}; }), "unknown"));
  CHECK(contains(refused([](auto& v) { v.special.resize(257, ";"); }), "257"));
  CHECK(contains(refused([](auto& v) { v.special[1] = v.special[0]; }), "twice: '<end>'"));
  WordLevelTokenizer::Vocabulary bytes = kSmall;
  bytes.words[1] = "\xff";
  CHECK_THROWS_AS(WordLevelTokenizer(bytes).to_json(), InvalidArgument);
}

/// What is said against a tokenizer.json with one thing changed.
template <class Change>
std::string refusal(Change change) {
  json file = json::parse(WordLevelTokenizer(kSmall).to_json());
  change(file);
  return message_of<Error>([&] { WordLevelTokenizer::from_json(file.dump(), "t.json"); });
}

TEST_CASE("word level: a tokenizer.json as Hugging Face writes it is read") {
  const WordLevelTokenizer tokenizer = WordLevelTokenizer::from_json(R"({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 2, "content": "<pad>", "single_word": false, "lstrip": false,
                      "rstrip": false, "normalized": false, "special": true},
                     {"id": 3, "content": "<eos>", "special": false}],
    "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null,
    "decoder": null,
    "model": {"type": "WordLevel", "vocab": {"hat": 1, "<pad>": 2, "<unk>": 0},
              "unk_token": "<unk>"}})",
                                                                     "t.json");
  CHECK(tokenizer.vocab_size() == 4);
  CHECK(tokenizer.encode("hat cap<eos><pad>") == Tokens{1, 0, 3, 2});
}

TEST_CASE("word level: what a tokenizer.json asks for beyond words is refused by field and value") {
  CHECK(refusal([](json&) {}).empty());
  for (const char* field : {"truncation", "padding", "normalizer", "post_processor", "decoder"}) {
    CAPTURE(field);
    const std::string message = refusal([&](json& file) { file[field] = {{"type", "Strip"}}; });
    CHECK(contains(message, std::string("t.json: ") + field + " must be null, got"));
    CHECK(contains(message, "Strip"));
  }
  CHECK(contains(refusal([](json& f) { f["version"] = "2.0"; }), "version must be \"1.0\", got"));
  CHECK(contains(refusal([](json& f) { f.erase("version"); }), "version"));
  CHECK(contains(refusal([](json& f) { f["extra"] = 1; }), "extra must be absent, got 1"));
  CHECK(contains(refusal([](json& f) { f["pre_tokenizer"]["type"] = "Whitespace"; }),
                 "pre_tokenizer.type must be \"WhitespaceSplit\", got \"Whitespace\""));
  CHECK(contains(refusal([](json& f) { f["pre_tokenizer"]["x"] = 1; }), "pre_tokenizer.x"));
  CHECK(contains(refusal([](json& f) { f["pre_tokenizer"] = nullptr; }), "pre_tokenizer"));
  CHECK(contains(refusal([](json& f) { f["model"]["type"] = "BPE"; }), "model.type"));
  CHECK(contains(refusal([](json& f) { f["model"].erase("unk_token"); }), "model.unk_token"));
  CHECK(contains(refusal([](json& f) { f["model"]["unk_token"] = "no"; }), "'no'"));
  CHECK(contains(refusal([](json& f) { f["model"]["x"] = 1; }), "model.x"));
  CHECK(contains(refusal([](json& f) { f["model"]["vocab"] = json::array(); }), "model.vocab"));
  CHECK(contains(refusal([](json& f) { f["model"].erase("vocab"); }), "model.vocab"));
  CHECK(contains(refusal([](json& f) { f = json::array(); }), "object"));
}

TEST_CASE("word level: tokens must be whole numbers without gaps, each for one word") {
  const auto vocab = [](auto token) {
    return refusal([&](json& f) { f["model"]["vocab"]["hat"] = token; });
  };
  CHECK(contains(vocab(8), "8 words and tokens up to 8"));
  CHECK(contains(vocab(3), "got 3, which is \"acorn\""));
  CHECK(contains(vocab(-4), "model.vocab.\"hat\" must be an integer from 0"));
  CHECK(contains(vocab(4.0), "got 4.0"));
  CHECK(contains(vocab("4"), "got \"4\""));
  CHECK(contains(vocab(nullptr), "got null"));
  CHECK(contains(vocab(std::uint64_t{1} << 63), "got 9223372036854775808"));
  CHECK(contains(vocab(1 << 20), "got 1048576"));
  CHECK(contains(refusal([](json& f) { f["model"]["vocab"][""] = 8; }), "empty"));
  CHECK(contains(refusal([](json& f) { f["model"]["vocab"]["a b"] = 8; }), "'a b'"));
  CHECK(contains(message_of<ParseError>([] {
                   WordLevelTokenizer::from_json(R"({"model": {"vocab": {"a": 0, "a": 1}}})", "t");
                 }),
                 "key given twice"));
  CHECK_THROWS_AS(WordLevelTokenizer::from_json("{", "t"), ParseError);
}

TEST_CASE("word level: special words that are more than words are refused") {
  const auto token = [](const char* key, const json& value) {
    return refusal([&](json& f) { f["added_tokens"][1][key] = value; });
  };
  for (const char* key : {"single_word", "lstrip", "rstrip", "normalized"}) {
    CHECK(contains(token(key, true), std::string("added_tokens[1].") + key + " must be false"));
    CHECK(contains(token(key, 1), "true or false"));
  }
  CHECK(token("special", false).empty());
  CHECK(contains(token("id", 5), "added_tokens[1].id must be a token of its own, got 5"));
  CHECK(contains(token("id", nullptr), "added_tokens[1].id"));
  CHECK(contains(token("content", "hat"), "added_tokens[1].id"));
  CHECK(contains(token("content", ""), "added_tokens[1].content"));
  CHECK(contains(token("x", 1), "added_tokens[1].x"));
  CHECK(contains(refusal([](json& f) { f["added_tokens"] = 1; }), "added_tokens must be a list"));
  CHECK(contains(refusal([](json& f) { f["added_tokens"][0] = 1; }), "added_tokens[0]"));
}

TEST_CASE("word level: facts are read as training sequences have them") {
  DSABENCH_SEEDED(random);
  const std::span<const std::string> words = facts::vocabulary();
  const WordLevelTokenizer tokenizer(
      {{words.begin(), words.end()}, words[facts::kUnknown], {words[facts::kUnknown]}});
  const facts::TrainingSequence sequence = facts::make_training_sequence(
      {static_cast<std::uint64_t>(random.integer(0, 1'000'000)), facts::Split::training, 0}, 400,
      {});
  const std::string text = tokenizer.decode(sequence.tokens);
  CHECK(tokenizer.encode(text) == sequence.tokens);
  for (std::size_t i = 0; i < sequence.tokens.size(); ++i) {
    REQUIRE(tokenizer.decode({&sequence.tokens[i], 1}) == words[std::size_t(sequence.tokens[i])]);
  }
}

TEST_CASE("load_tokenizer leaves tokenizers of other types alone") {
  const ScratchFolder folder;
  const std::string path = folder / "tokenizer.json";
  const auto load = [&](const std::string& text) {
    write_text(path, text);
    return load_tokenizer(path);
  };
  for (const char* other :
       {"", "{", "{}", "[]", R"({"model": 1})", R"({"model": {"type": ["WordLevel"]}})",
        R"({"type": "WordLevel"})", R"({"a": {"model": {"type": "WordLevel"}}})",
        R"({"model": {"type": "BPE", "vocab": {"type": 1}, "merges": [["a", "b"]]}})"}) {
    CAPTURE(other);
    CHECK(load(other) == nullptr);
  }
  CHECK(load(WordLevelTokenizer(kSmall).to_json())->id() == WordLevelTokenizer(kSmall).id());
  CHECK(contains(message_of<InvalidArgument>([&] { load(R"({"model": {"type": "WordLevel"}})"); }),
                 path));
  CHECK_THROWS_AS(load_tokenizer(folder / "none.json"), IoError);
}

}  // namespace
}  // namespace dsabench::test
