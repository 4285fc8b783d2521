#include "tests/suites/facts_solver.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

namespace dsabench::test {
namespace {

using Sentence = std::vector<std::string>;
using Sentences = std::vector<Sentence>;

/// The statements of one form.
Sentences of_form(const FactsReading& reading, const std::string& form) {
  Sentences found;
  for (const Sentence& sentence : reading.statements) {
    if (sentence[0] == form) found.push_back(sentence);
  }
  return found;
}

/// Word `place` of the sentences that begin with `start`.
std::vector<std::string> words_at(const Sentences& sentences, const Sentence& start,
                                  std::size_t place) {
  std::vector<std::string> words;
  for (const Sentence& sentence : sentences) {
    if (std::equal(start.begin(), start.end(), sentence.begin())) words.push_back(sentence[place]);
  }
  return words;
}

const std::string& only(const std::vector<std::string>& words) {
  if (words.size() != 1) throw std::runtime_error(std::to_string(words.size()) + " words, not one");
  return words[0];
}

std::vector<std::string> boxes(const FactsReading& reading) {
  std::vector<std::string> answer;
  for (std::size_t i = 1; i < reading.question.size(); ++i) {
    const auto cards = words_at(reading.statements, {"box:", reading.question[i]}, 2);
    if (cards.empty()) throw std::runtime_error("no box " + reading.question[i]);
    answer.insert(answer.end(), cards.begin(), cards.end());
  }
  return answer;
}

/// Follows the only statement of the form from a word on.
std::string follow(const FactsReading& reading, const std::string& form, std::string from,
                   const std::string& steps) {
  for (int i = 0; i < std::stoi(steps); ++i)
    from = only(words_at(reading.statements, {form, from}, 2));
  return from;
}

std::vector<std::string> most_common(const FactsReading& reading) {
  std::map<std::string, int> counts;
  for (const Sentence& ring : of_form(reading, "bell:")) ++counts[ring.at(1)];
  std::vector<std::pair<int, std::string>> ranked;
  for (const auto& [word, count] : counts) ranked.emplace_back(-count, word);
  std::sort(ranked.begin(), ranked.end());
  if (ranked.at(0).first == ranked.at(1).first || ranked.at(1).first == ranked.at(2).first) {
    throw std::runtime_error("a tie");
  }
  return {ranked[0].second, ranked[1].second};
}

std::vector<std::string> sources(const FactsReading& reading, const std::string& node) {
  std::vector<std::string> found;
  for (const Sentence& edge : of_form(reading, "edge:")) {
    if (edge.at(2) == node) found.push_back(edge[1]);
  }
  return found;
}

/// Documents are where "doc:" says so.
std::string entry(const FactsReading& reading) {
  std::map<std::string, std::string> fields;
  std::vector<std::string> found;
  const auto close = [&] {
    const auto known = fields.find(reading.question.at(1));
    if (known != fields.end() && known->second == reading.question.at(2)) {
      found.push_back(fields.at(reading.question.at(3)));
    }
    fields.clear();
  };
  for (const Sentence& sentence : reading.statements) {
    if (sentence[0] == "doc:") close();
    if (sentence[0] == "field:") fields[sentence.at(1)] = sentence.at(2);
  }
  close();
  return only(found);
}

std::string dial(const FactsReading& reading, const std::string& modulus, const std::string& name) {
  const auto number = [&](const std::string& of) { return std::stoi(dial(reading, modulus, of)); };
  for (const Sentence& sentence : reading.statements) {
    if (sentence.size() < 3 || sentence[1] != name) continue;
    int value = -1;
    if (sentence[0] == "start:") value = std::stoi(sentence[2]);
    if (sentence[0] == "plus:") value = number(sentence[2]) + std::stoi(sentence.at(3));
    if (sentence[0] == "times:") value = number(sentence[2]) * std::stoi(sentence.at(3));
    if (value >= 0) return std::to_string(value % std::stoi(modulus));
  }
  throw std::runtime_error("no dial " + name);
}

bool signal(const FactsReading& reading, const std::string& name) {
  for (const Sentence& sentence : reading.statements) {
    if (sentence.size() < 3 || sentence[1] != name) continue;
    if (sentence[0] == "signal:") return sentence[2] == "true";
    const auto left = [&] { return signal(reading, sentence.at(2)); };
    const auto right = [&] { return signal(reading, sentence.at(3)); };
    if (sentence[0] == "both:") return left() && right();
    if (sentence[0] == "either:") return left() || right();
    if (sentence[0] == "differ:") return left() != right();
  }
  throw std::runtime_error("no signal " + name);
}

std::vector<std::string> ranked(const FactsReading& reading) {
  std::map<int, std::string> by_number;
  for (const Sentence& rank : of_form(reading, "rank:")) {
    if (!by_number.emplace(std::stoi(rank.at(2)), rank[1]).second)
      throw std::runtime_error("a tie");
  }
  std::vector<std::string> names;
  for (const auto& [number, name] : by_number) names.push_back(name);
  return names;
}

std::vector<std::string> said(const FactsReading& reading) {
  const Sentence start{"rule:", reading.question.at(1)};
  std::vector<std::string> answer(std::stoul(only(words_at(reading.statements, start, 2))),
                                  only(words_at(reading.statements, start, 3)));
  answer.push_back(only(words_at(reading.statements, start, 4)));
  return answer;
}

/// Where chains of links are `hops` links behind their heads.
std::vector<std::string> links_at_depth(const FactsReading& reading, int hops) {
  std::map<std::string, std::string> before;
  for (const Sentence& link : of_form(reading, "link:")) before[link.at(2)] = link[1];
  std::vector<std::string> found;
  for (const Sentence& link : of_form(reading, "link:")) {
    int depth = 0;
    for (auto at = before.find(link[2]); at != before.end(); at = before.find(at->second)) ++depth;
    if (depth == hops) found.push_back(link[2]);
  }
  return found;
}

}  // namespace

std::vector<std::string> solve_facts(const FactsReading& reading) {
  const Sentence& question = reading.question;
  const std::string& asked = question.at(0);
  if (asked == "box?") return boxes(reading);
  if (asked == "pair?") {
    return {only(words_at(reading.statements, {"pair:", question.at(1), question.at(2)}, 3))};
  }
  if (asked == "link?") return {follow(reading, "link:", question.at(2), question.at(1))};
  if (asked == "bell?") return most_common(reading);
  if (asked == "walk?") return {follow(reading, "edge:", question.at(2), question.at(1))};
  if (asked == "parents?") return sources(reading, question.at(1));
  if (asked == "say?") {
    return {words_at(reading.statements, {"say:", question.at(2)}, 2)
                .at(std::stoul(question.at(1)) - 1)};
  }
  if (asked == "field?") return {entry(reading)};
  if (asked == "count?") return {dial(reading, question.at(1), question.at(2))};
  if (asked == "signal?") return {signal(reading, question.at(1)) ? "true" : "false"};
  if (asked == "rank?") return ranked(reading);
  if (asked == "rule?") return said(reading);
  throw std::runtime_error("asks " + asked);
}

std::vector<std::string> guesses_of_facts(const FactsReading& reading) {
  const std::string& asked = reading.question.at(0);
  const Sentences& all = reading.statements;
  if (asked == "box?") return words_at(all, {"box:"}, 2);
  if (asked == "pair?") return words_at(all, {"pair:"}, 3);
  if (asked == "link?") return links_at_depth(reading, std::stoi(reading.question.at(1)));
  if (asked == "bell?") return words_at(all, {"bell:"}, 1);
  if (asked == "parents?") return words_at(all, {"edge:"}, 1);
  if (asked == "say?") return words_at(all, {"say:"}, 2);
  if (asked == "field?") return words_at(all, {"field:", reading.question.at(3)}, 2);
  if (asked == "signal?") return {"false", "true"};
  if (asked == "rank?") return words_at(all, {"rank:"}, 1);
  if (asked == "rule?") return words_at(all, {"rule:"}, 3);
  std::vector<std::string> guesses;
  if (asked == "walk?") {
    guesses = words_at(all, {"edge:"}, 1);
    guesses.erase(std::find(guesses.begin(), guesses.end(), reading.question.at(2)));
  } else if (asked == "count?") {
    for (int i = 0; i < std::stoi(reading.question.at(1)); ++i)
      guesses.push_back(std::to_string(i));
  }
  return guesses;
}

}  // namespace dsabench::test
