#include <sstream>
#include <stdexcept>

#include "tests/suites/facts_solver.h"

namespace dsabench::test {
namespace {

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::istringstream stream{std::string(text)};
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// A sentence with a digit for each word that it is about: number i is the i-th of the form.
struct Pattern {
  const char* form;
  const char* sentence;
};

constexpr Pattern kPatterns[] = {
    {"note:", "Somebody wrote a note about <0> <1> and <2>"},
    {"box:", "The box marked <0> holds the card <1>"},
    {"pair:", "The bin in row <0> and place <1> holds the coin <2>"},
    {"link:", "The word <0> stands for the word <1>"},
    {"bell:", "The bell rang for <0>"},
    {"edge:", "A path leads from <0> to <1>"},
    {"say:", "Asked for <0> the clerk replied <1>"},
    {"doc:", "A new report begins here"},
    {"field:", "In this report the entry for <0> is <1>"},
    {"start:", "The dial <0> shows <1>"},
    {"plus:", "The dial <0> shows what the dial <1> shows plus <2>"},
    {"times:", "The dial <0> shows what the dial <1> shows times <2>"},
    {"signal:", "The signal <0> is <1>"},
    {"both:", "The signal <0> is true if both <1> and <2> are true else false"},
    {"either:", "The signal <0> is true if <1> or <2> or both are true else false"},
    {"differ:", "The signal <0> is true if just one of <1> and <2> is true else false"},
    {"rank:", "The runner <0> wears the number <1>"},
    {"rule:", "On hearing <0> say <1> times the word <2> and then once the word <3>"},
    {"box?", "Which card does the box marked <0> hold"},
    {"box?", "Which cards do the boxes marked <0> hold in the order of the statements"},
    {"box?", "Which cards do the boxes marked <0> <1> and <2> hold in this order"},
    {"pair?", "Which coin does the bin in row <0> and place <1> hold"},
    {"link?", "Words stand for words After <0> such step from the word <1> which word is reached"},
    {"link?", "Words stand for words After <0> such steps from the word <1> which word is reached"},
    {"bell?", "For which two words did the bell ring most often the most frequent first"},
    {"walk?", "Where does one arrive who starts at <1> and follows a path <0> times"},
    {"parents?", "From which places does a path lead to <0> in the order of the statements"},
    {"say?", "What did the clerk reply when asked for <1> for time number <0>"},
    {"field?", "In the report whose entry for <0> is <1> what is the entry for <2>"},
    {"count?", "After every step the dials are taken modulo <0> What does the dial <1> show"},
    {"signal?", "Is the signal <0> true or false"},
    {"rank?", "Which runners are there from the smallest number to the largest"},
    {"rule?", "You hear <0> What do you say"},
};

/// The form and its words where the sentence is of the pattern, else nothing.
std::vector<std::string> match(const Pattern& pattern, const std::vector<std::string>& sentence) {
  const std::vector<std::string> expected = split_words(pattern.sentence);
  if (expected.size() != sentence.size()) return {};
  std::vector<std::string> words{pattern.form};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i][0] != '<') {
      if (expected[i] != sentence[i]) return {};
      continue;
    }
    const std::size_t place = 1 + std::size_t(expected[i][1] - '0');
    if (words.size() <= place) words.resize(place + 1);
    words[place] = sentence[i];
  }
  return words;
}

std::vector<std::string> read_sentence(std::string line) {
  for (char& c : line) {
    if (c == '.' || c == ',' || c == '?') c = ' ';
  }
  const std::vector<std::string> sentence = split_words(line);
  for (const Pattern& pattern : kPatterns) {
    std::vector<std::string> words = match(pattern, sentence);
    if (!words.empty()) return words;
  }
  throw std::runtime_error("no sentence: " + line);
}

}  // namespace

FactsReading read_compact_facts(std::string_view prompt) {
  FactsReading reading;
  std::vector<std::vector<std::string>> sentences;
  for (const std::string& word : split_words(prompt)) {
    if (word == ".") continue;
    if (word.back() == ':' || word.back() == '?') sentences.emplace_back();
    sentences.at(sentences.size() - 1).push_back(word);
  }
  reading.question = sentences.back();
  sentences.pop_back();
  if (reading.question[0].back() != '?') throw std::runtime_error("no question");
  for (auto& sentence : sentences) {
    if (sentence[0] != "note:") reading.statements.push_back(sentence);
  }
  return reading;
}

FactsReading read_text_facts(std::string_view prompt) {
  FactsReading reading;
  std::istringstream lines{std::string(prompt)};
  std::string line;
  std::getline(lines, line);
  if (line.find("Read the statements below.") != 0) throw std::runtime_error("opens: " + line);
  while (std::getline(lines, line)) {
    std::vector<std::string> sentence = read_sentence(line);
    if (sentence[0].back() == '?') {
      reading.question = sentence;
      if (std::getline(lines, line)) throw std::runtime_error("behind the question: " + line);
      return reading;
    }
    if (sentence[0] != "note:") reading.statements.push_back(sentence);
  }
  throw std::runtime_error("no question");
}

}  // namespace dsabench::test
