#include <algorithm>
#include <map>
#include <set>

#include "kernels/base/error.h"
#include "suites/facts/split.h"
#include "suites/facts/task_list.h"
#include "suites/facts/training_sequence.h"
#include "tests/suites/facts_solver.h"
#include "tests/support/error_message.h"
#include "tests/support/random.h"

namespace dsabench::facts {
namespace {

/// What a sequence says before its first query, and its queries with their masked words.
struct Reading {
  std::string statements;
  struct Asked {
    std::string question;
    std::vector<std::string> masked;
  };
  std::vector<Asked> asked;
};

Reading read(const TrainingSequence& sequence) {
  Reading reading;
  bool was_answer = true;
  for (std::size_t i = 0; i < sequence.tokens.size(); ++i) {
    const std::string& word = vocabulary()[std::size_t(sequence.tokens[i])];
    const bool is_answer = sequence.is_answer[i] != 0;
    if (word.back() == '?') {
      REQUIRE(was_answer);  // behind an answer, or the first
      reading.asked.push_back({word, {}});
    } else if (reading.asked.empty()) {
      REQUIRE_FALSE(is_answer);
      reading.statements += word + " ";
      continue;
    } else if (is_answer) {
      reading.asked.back().masked.push_back(word);
    } else {
      REQUIRE_FALSE(was_answer);  // answers are in one piece
      reading.asked.back().question += " " + word;
    }
    was_answer = is_answer;
  }
  return reading;
}

TEST_CASE("a training sequence's mask covers the right answers, and nothing else") {
  DSABENCH_SEEDED(random);
  std::map<std::string, int> asked;
  for (int round = 0; round < 40; ++round) {
    const ProblemKey key{static_cast<std::uint64_t>(random.integer(0, 1'000'000)), Split::training,
                         static_cast<std::uint64_t>(round)};
    TrainingMix mix;
    mix.records = random.choice(std::vector<std::int64_t>{3, 6, 12, 24, random.integer(1, 40)});
    mix.queries = random.integer(1, 12);
    mix.every_question = random.integer(0, 1) == 1;
    // Each task alone first, so that every kind of question is asked.
    if (round < std::ssize(all_tasks())) mix.tasks = {all_tasks()[std::size_t(round)].name};
    const std::int64_t length = random.integer(300, 1'000);
    CAPTURE(key.seed, round, mix.records, mix.queries, mix.every_question, length);
    const TrainingSequence sequence = make_training_sequence(key, length, mix);
    REQUIRE(std::ssize(sequence.tokens) == length);
    REQUIRE(sequence.is_answer.size() == sequence.tokens.size());
    const Reading reading = read(sequence);
    REQUIRE_FALSE(reading.asked.empty());
    for (const Reading::Asked& query : reading.asked) {
      CAPTURE(query.question);
      std::vector<std::string> expected =
          test::solve_facts(test::read_compact_facts(reading.statements + query.question));
      expected.push_back(";");
      CHECK(query.masked == expected);
      ++asked[query.question.substr(0, query.question.find(' '))];
    }
  }
  CHECK(asked.size() == 12);
}

TEST_CASE(
    "a training sequence has a quarter of queries where there is choice, and all are different") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 20; ++round) {
    const ProblemKey key{static_cast<std::uint64_t>(random.integer(0, 1'000'000)), Split::training,
                         0};
    CAPTURE(key.seed);
    TrainingMix mix;
    mix.queries = 24;
    const Reading reading = read(make_training_sequence(key, 512, mix));
    std::set<std::string> distinct;
    for (const auto& query : reading.asked) distinct.insert(query.question);
    CHECK(distinct.size() == reading.asked.size());
    CHECK(reading.asked.size() >= 10);
  }
}

TEST_CASE("every question that statements answer is asked where that is wanted") {
  DSABENCH_SEEDED(random);
  const ProblemKey key{static_cast<std::uint64_t>(random.integer(0, 1'000'000)), Split::training,
                       0};
  const auto of = [](const Query& query) {
    return std::vector<Word>(query.question.begin(), query.question.end());
  };
  const auto num_questions = [&](const char* name, bool every) {
    const Problem few = make_problem(find_task(name), key, {24, 1000, false});
    const Problem asked = make_problem(find_task(name), key, {24, 1000, every});
    // A sample's question is the same.
    CHECK(of(asked.queries.front()) == of(few.queries.front()));
    std::set<std::vector<Word>> distinct;
    for (const Query& query : asked.queries) distinct.insert(of(query));
    CHECK(distinct.size() == asked.queries.size());
    return asked.queries.size();
  };
  const auto check = [&](const char* name, std::size_t of_samples, std::size_t all) {
    INFO(name);
    CHECK(num_questions(name, false) == of_samples);
    CHECK(num_questions(name, true) == all);
  };
  check("kv", 24, 24);
  check("chain_2", 8, 8 * 6);  // three links: 3 + 2 + 1 pairs
  check("graph_bfs", 24, 24 * 3);
  check("multi_doc", 6, 6 * 6);  // from each of three fields to each other
  check("modular", 8, 8 * 3);
  check("boolean", 4, 4 * 6);
}

TEST_CASE("a training sequence is a pure function of key, length and mix") {
  const ProblemKey key{5, Split::training, 9};
  const TrainingMix mix;
  const TrainingSequence a = make_training_sequence(key, 400, mix);
  CHECK(a.tokens == make_training_sequence(key, 400, mix).tokens);
  CHECK(a.is_answer == make_training_sequence(key, 400, mix).is_answer);
  CHECK(a.tokens != make_training_sequence({5, Split::training, 10}, 400, mix).tokens);
  CHECK(a.tokens != make_training_sequence({6, Split::training, 9}, 400, mix).tokens);
  CHECK(a.tokens != make_training_sequence({5, Split::calibration, 9}, 400, mix).tokens);
}

TEST_CASE("a training mix asks for its tasks alone, one of a family at a time") {
  DSABENCH_SEEDED(random);
  std::set<std::string> questions;
  for (std::uint64_t index = 0; index < 40; ++index) {
    const ProblemKey key{static_cast<std::uint64_t>(random.integer(0, 1'000'000)), Split::training,
                         index};
    TrainingMix mix;
    mix.tasks = {"chain_1", "chain_3", "sort"};
    mix.records = 6;
    std::set<std::string> of_one;
    for (const auto& query : read(make_training_sequence(key, 200, mix)).asked) {
      of_one.insert(query.question.substr(0, std::string("link? 1").size()));
    }
    CHECK(of_one.size() == 2);
    questions.insert(of_one.begin(), of_one.end());
  }
  CHECK(questions == std::set<std::string>{"link? 1", "link? 3", "rank?"});
}

TEST_CASE("training sequences that cannot be are refused") {
  const ProblemKey key;
  const auto message = [&](std::int64_t length, const TrainingMix& mix) {
    return test::message_of<InvalidArgument>([&] { make_training_sequence(key, length, mix); });
  };
  TrainingMix mix;
  CHECK(test::contains(message(10, mix), "10 tokens"));
  CHECK(test::contains(message(-1, mix), "-1 tokens"));
  mix.tasks = {"kv", "kw"};
  CHECK(test::contains(message(512, mix), "'kw'; there are: kv, "));
  mix.tasks = {};
  mix.records = 0;
  CHECK(test::contains(message(512, mix), "records"));
  mix.records = 1;
  mix.queries = 0;
  CHECK(test::contains(message(512, mix), "queries"));
}

}  // namespace
}  // namespace dsabench::facts
