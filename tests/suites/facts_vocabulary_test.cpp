#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "suite_files.h"
#include "suites/facts/vocabulary.h"
#include "tests/support/random.h"

namespace dsabench::facts {
namespace {

TEST_CASE("the words of facts are all different, and white space parts them") {
  REQUIRE(vocabulary().size() == kVocabularySize);
  std::set<std::string> distinct;
  for (const std::string& word : vocabulary()) {
    CAPTURE(word);
    CHECK_FALSE(word.empty());
    CHECK(std::none_of(word.begin(), word.end(), [](unsigned char c) { return std::isspace(c); }));
    CHECK(distinct.insert(word).second);
  }
  CHECK(vocabulary()[kUnknown] == "<unk>");
  CHECK(vocabulary()[kRule] == "rule:");
  CHECK(vocabulary()[kAskRule] == "rule?");
  CHECK(vocabulary()[number_word(0)] == "0");
  CHECK(vocabulary()[number_word(31)] == "31");
}

TEST_CASE("no name of facts comes in its sentences, or could be taken for a scorer's word") {
  const auto suite = nlohmann::json::parse(embedded::suite_files::facts_text_suite_json);
  std::string text = suite.at("opening");
  for (const auto& statement : suite.at("statements")) text += " " + statement.get<std::string>();
  for (const auto& task : suite.at("tasks")) {
    text += " " + task.at("question").get<std::string>();
    text += " " + task.at("answer_prefix").get<std::string>();
  }
  std::set<std::string> said{"and"};
  std::string word;
  for (const char c : text + " ") {
    if (std::isalpha(static_cast<unsigned char>(c))) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else {
      said.insert(word);
      word.clear();
    }
  }
  CHECK(said.size() > 50);
  for (Word name = name_word(0); name < kVocabularySize; ++name) {
    CAPTURE(vocabulary()[name]);
    CHECK(said.count(vocabulary()[name]) == 0);
    CHECK(vocabulary()[name].find_first_not_of("abcdefghijklmnopqrstuvwxyz") == std::string::npos);
  }
}

TEST_CASE("Names are drawn once each, in an order of their own") {
  DSABENCH_SEEDED(random);
  const CounterRandom key(static_cast<std::uint64_t>(random.integer(0, 1'000'000'000)));
  Names names(key), again(key), other(key.stream(1));
  std::set<Word> drawn;
  int equal = 0;
  for (int i = 0; i < kNumNames; ++i) {
    const Word name = names.draw();
    CHECK(name >= name_word(0));
    CHECK(name < kVocabularySize);
    CHECK(name == again.draw());
    equal += name == other.draw();
    drawn.insert(name);
  }
  CHECK(drawn.size() == kNumNames);
  CHECK(equal < 20);
  CHECK_THROWS_AS(names.draw(), std::out_of_range);
}

}  // namespace
}  // namespace dsabench::facts
