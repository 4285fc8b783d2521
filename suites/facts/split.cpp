#include "suites/facts/split.h"

#include <algorithm>

namespace dsabench::facts {

Split split_of(const Problem& problem) {
  std::uint64_t hash = 0;
  for (const Words& statement : problem.statements) {
    for (const Word word : statement) hash = CounterRandom(hash).at(word);
  }
  switch (hash % 4) {
    case 0:
      return Split::test;
    case 1:
      return Split::calibration;
    default:
      return Split::training;
  }
}

CounterRandom problem_random(const NamedTask& task, const ProblemKey& key) {
  return CounterRandom(key.seed)
      .stream("facts")
      .stream(static_cast<std::uint64_t>(key.split))
      .stream(task.name)
      .stream(key.index);
}

Problem make_problem(const NamedTask& task, const ProblemKey& key, const ProblemSize& size) {
  const RecordRange range = task.task->records();
  ProblemSize possible = size;
  possible.records = std::clamp(size.records, range.min, range.max);
  const CounterRandom random = problem_random(task, key).stream("problem");
  for (std::uint64_t attempt = 0;; ++attempt) {
    const CounterRandom of_attempt = random.stream(attempt);
    Problem problem = task.task->make(of_attempt, possible);
    if (split_of(problem) != key.split) continue;
    if (size.every_question) problem.ask_others(of_attempt.stream("others"));
    problem.keep_queries(size.queries);
    return problem;
  }
}

}  // namespace dsabench::facts
