#include "suites/ruler_synth/words.h"

#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "suite_files.h"
#include "tests/support/random.h"

namespace dsabench::ruler_synth {
namespace {

TEST_CASE("no word contains another, so that a substring is a word") {
  const std::vector<std::string>& words = builtin_words().all;
  REQUIRE(builtin_words().adjectives.size() >= 250);
  REQUIRE(builtin_words().nouns.size() >= 400);
  REQUIRE(words.size() == builtin_words().adjectives.size() + builtin_words().nouns.size());
  std::string joined = " ";
  for (const std::string& word : words) joined += word + " ";
  for (const std::string& word : words) {
    CAPTURE(word);
    CHECK(word.size() >= 4);
    CHECK(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz") == std::string::npos);
    CHECK(joined.find(word) == joined.rfind(word));
  }
}

TEST_CASE("no word comes in the suite's own sentences") {
  const auto json = nlohmann::json::parse(embedded::suite_files::ruler_synth_suite_json);
  std::vector<std::string> sentences = json.at("noise");
  for (const auto& task : json.at("tasks")) {
    for (const char* field : {"instruction", "needle", "question", "answer_prefix"}) {
      if (task.contains(field)) sentences.push_back(task.at(field));
    }
  }
  for (const std::string& sentence : sentences) {
    for (const std::string& word : builtin_words().all) {
      CAPTURE(sentence, word);
      REQUIRE_FALSE(contains_word(sentence, word));
    }
  }
}

TEST_CASE("keys, letter strings and coined words are one to one") {
  DSABENCH_SEEDED(random);
  std::set<std::string> keys, names, coined;
  const std::int64_t begin = random.integer(0, 10'000);
  for (std::int64_t i = begin; i < begin + 3'000; ++i) {
    const auto index = static_cast<std::uint64_t>(i);
    keys.insert(builtin_words().key(index));
    names.insert(letters(index, 5, 'A'));
    coined.insert(coined_word(index));
  }
  CHECK(keys.size() == 3'000);
  CHECK(names.size() == 3'000);
  CHECK(coined.size() == 3'000);
  CHECK(num_letter_strings(5) == 11'881'376);
  CHECK(builtin_words().key(0) != builtin_words().key(builtin_words().num_keys() - 1));
  CHECK(letters(0, 5, 'A') == "AAAAA");
  CHECK(letters(num_letter_strings(6) - 1, 6, 'a') == "zzzzzz");
  CHECK(coined_word(0).size() == 7);
}

TEST_CASE("uuid has the form of version 4") {
  DSABENCH_SEEDED(random);
  const CounterRandom stream(static_cast<std::uint64_t>(random.integer(0, 1'000'000)));
  const std::regex form("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  std::set<std::string> seen;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const std::string value = uuid(stream, i);
    CAPTURE(value);
    CHECK(std::regex_match(value, form));
    seen.insert(value);
  }
  CHECK(seen.size() == 200);
}

TEST_CASE("fill replaces every hole it has a value for, once") {
  CHECK(fill("{a} and {b}, {a}", {{"a", "{a}1"}, {"b", "2"}}) == "{a}1 and 2, {a}1");
  CHECK(fill("{c}", {{"a", "1"}}) == "{c}");
}

TEST_CASE("contains_word ignores case") {
  CHECK(contains_word("The Green field", "GREEN"));
  CHECK_FALSE(contains_word("The Green field", "greens"));
}

}  // namespace
}  // namespace dsabench::ruler_synth
