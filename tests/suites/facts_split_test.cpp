#include <map>
#include <set>

#include "suites/facts/facts_suite.h"
#include "suites/facts/split.h"
#include "tests/suites/counters.h"
#include "tests/support/random.h"

namespace dsabench::facts {
namespace {

constexpr Split kSplits[] = {Split::training, Split::calibration, Split::test};

std::vector<Word> words_of(const Problem& problem) {
  std::vector<Word> words;
  for (const Words& statement : problem.statements) {
    words.insert(words.end(), statement.begin(), statement.end());
  }
  return words;
}

TEST_CASE("every problem of a split lies in it, whatever its seed and size") {
  DSABENCH_SEEDED(random);
  for (const NamedTask& task : all_tasks()) {
    for (int round = 0; round < 60; ++round) {
      const auto seed = static_cast<std::uint64_t>(random.integer(0, 1'000'000));
      const Split split = kSplits[random.integer(0, 2)];
      CAPTURE(task.name, seed, static_cast<int>(split));
      const Problem problem =
          make_problem(task, {seed, split, 7}, {random.integer(1, 200), random.integer(1, 4)});
      CHECK(split_of(problem) == split);
      CHECK_FALSE(problem.queries.empty());
    }
  }
}

TEST_CASE("what a split holds is told by the statements alone, in every word of them") {
  DSABENCH_SEEDED(random);
  const ProblemKey key{static_cast<std::uint64_t>(random.integer(0, 1'000'000)), Split::test, 0};
  int moved = 0, changes = 0;
  for (const NamedTask& task : all_tasks()) {
    Problem problem = make_problem(task, key, {task.records, 3});
    problem.queries.clear();
    CHECK(split_of(problem) == Split::test);
    for (std::size_t i = 0; i < problem.statements.size(); ++i) {
      Problem changed = problem;
      changed.statements[i].push_back(kDot);
      moved += split_of(changed) != Split::test;
      ++changes;
    }
  }
  CHECK(std::abs(moved - changes * 3 / 4) < 6 * std::sqrt(changes * 3 / 16.0));
}

TEST_CASE("splits have no problem in common even where a task has few") {
  // Of 3 runners there are 512^3 * 32^3 races, but only 512^2 * 8 pairs of rules differ by one: the
  // smallest problems are the likeliest to meet.
  DSABENCH_SEEDED(random);
  const auto seed = static_cast<std::uint64_t>(random.integer(0, 1'000'000));
  for (const char* name : {"sort", "instruct", "boolean", "modular"}) {
    std::map<Split, std::set<std::vector<Word>>> seen;
    for (const Split split : kSplits) {
      for (std::uint64_t index = 0; index < 500; ++index) {
        seen[split].insert(words_of(make_problem(find_task(name), {seed, split, index}, {1, 1})));
      }
      CHECK(seen[split].size() > 490);
    }
    for (const auto& problem : seen[Split::training]) {
      CHECK(seen[Split::test].count(problem) == 0);
      CHECK(seen[Split::calibration].count(problem) == 0);
    }
    for (const auto& problem : seen[Split::calibration]) {
      CHECK(seen[Split::test].count(problem) == 0);
    }
  }
}

TEST_CASE("suites of two splits ask different things at one seed") {
  DSABENCH_SEEDED(random);
  const test::SpaceCounter counter;
  SuiteRequest request;
  request.context_tokens = 200;
  request.samples_per_task = 3;
  request.seed = static_cast<std::uint64_t>(random.integer(0, 1'000'000));
  request.counter = &counter;
  std::set<std::string> prompts;
  std::size_t count = 0;
  for (const Split split : kSplits) {
    for (const Sample& sample : make_facts_suite(Rendering::compact, split)->samples(request)) {
      prompts.insert(sample.prompt);
      ++count;
    }
  }
  CHECK(prompts.size() == count);
  CHECK(find_suite("facts-compact").samples(request).at(0).prompt ==
        make_facts_suite(Rendering::compact, Split::test)->samples(request).at(0).prompt);
}

}  // namespace
}  // namespace dsabench::facts
