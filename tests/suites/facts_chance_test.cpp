#include <algorithm>
#include <cmath>
#include <map>

#include "suites/facts/split.h"
#include "tests/suites/facts_solver.h"
#include "tests/support/random.h"

namespace dsabench::facts {
namespace {

constexpr std::int64_t kSamples = 800;

/// Six standard deviations of a share that is estimated from kSamples.
double margin(double share) { return 6 * std::sqrt(share * (1 - share) / kSamples); }

/// A sample's problem without its surroundings.
Problem nth_problem(const NamedTask& task, std::uint64_t seed, std::uint64_t index) {
  return make_problem(task, {seed, Split::test, index}, {task.records, 1});
}

std::vector<std::string> spelled(const Words& words) {
  std::vector<std::string> text;
  for (const Word word : words) text.push_back(vocabulary()[word]);
  return text;
}

test::FactsReading read(const Problem& problem) {
  test::FactsReading reading;
  for (const Words& words : problem.statements) reading.statements.push_back(spelled(words));
  reading.question = spelled(problem.queries.front().question);
  return reading;
}

TEST_CASE("no place among the words that could answer is likelier than a task's chance") {
  DSABENCH_SEEDED(random);
  const auto seed = static_cast<std::uint64_t>(random.integer(0, 1'000'000'000));
  for (const NamedTask& task : all_tasks()) {
    CAPTURE(task.name, seed);
    std::vector<std::int64_t> hits;
    std::int64_t candidates = 0;
    for (std::uint64_t index = 0; index < kSamples; ++index) {
      const Problem problem = nth_problem(task, seed, index);
      const std::string answer = spelled(problem.queries.front().answer)[0];
      const std::vector<std::string> guesses = test::guesses_of_facts(read(problem));
      hits.resize(std::max(hits.size(), guesses.size()));
      const auto correct = std::count(guesses.begin(), guesses.end(), answer);
      REQUIRE(correct >= 1);
      candidates += std::ssize(guesses);
      for (std::size_t i = 0; i < guesses.size(); ++i) {
        hits[i] += guesses[i] == answer;
      }
    }
    const double chance = task.task->chance(task.records);
    CHECK(chance >= static_cast<double>(kSamples) / static_cast<double>(candidates) * 0.999);
    double best = 0;
    for (const std::int64_t count : hits) {
      best = std::max(best, static_cast<double>(count) / kSamples);
    }
    CHECK(best <= chance + margin(chance));
    CHECK(best >= chance - margin(chance));  // and not overstated
  }
}

TEST_CASE("no name is likelier to answer than others, and every answer comes") {
  DSABENCH_SEEDED(random);
  const auto seed = static_cast<std::uint64_t>(random.integer(0, 1'000'000'000));
  for (const NamedTask& task : all_tasks()) {
    CAPTURE(task.name, seed);
    std::map<Word, std::int64_t> counts;
    for (std::uint64_t index = 0; index < kSamples; ++index) {
      ++counts[nth_problem(task, seed, index).queries.front().answer[0]];
    }
    const double share = 1.0 / (task.name == "modular"   ? 10
                                : task.name == "boolean" ? 2
                                                         : kNumNames);
    for (const auto& [word, count] : counts) {
      CAPTURE(vocabulary()[word]);
      CHECK(static_cast<double>(count) / kSamples <= share + margin(share) + 4.0 / kSamples);
    }
    CHECK(static_cast<double>(counts.size()) > 0.7 / share);
  }
}

}  // namespace
}  // namespace dsabench::facts
