#include <nlohmann/json.hpp>

#include "suites/facts/task.h"

namespace dsabench::facts {
namespace {

/// bell: a. `answers` words come more often than the others, which come once, each `lead` times
/// more than the next. Asked: these, the most frequent first.
class CommonTask final : public Task {
 public:
  explicit CommonTask(const nlohmann::json& task)
      : answers_(task.at("answers")), lead_(task.at("lead")) {}

  RecordRange records() const override { return {num_common() + 1, 128}; }
  double chance(std::int64_t records) const override {
    return static_cast<double>(count(0)) / static_cast<double>(records);
  }

  Problem make(const CounterRandom& random, const ProblemSize& size) const override {
    CounterRandom order = random.stream("order");
    Names names(random.stream("names"));
    Problem problem;
    Query query{{kAskBell}, {}};
    for (std::int64_t rank = 0; rank < answers_; ++rank) {
      query.answer.push_back(names.draw());
      for (std::int64_t i = 0; i < count(rank); ++i) {
        problem.statements.push_back({kBell, query.answer.back()});
      }
    }
    while (std::ssize(problem.statements) < size.records) {
      problem.statements.push_back({kBell, names.draw()});
    }
    order.shuffle(problem.statements);
    problem.queries = {query};
    return problem;
  }

 private:
  std::int64_t count(std::int64_t rank) const { return 1 + lead_ * (answers_ - rank); }
  std::int64_t num_common() const {
    std::int64_t sum = 0;
    for (std::int64_t rank = 0; rank < answers_; ++rank) sum += count(rank);
    return sum;
  }

  std::int64_t answers_, lead_;
};

}  // namespace

std::unique_ptr<Task> make_common_task(const nlohmann::json& task) {
  return std::make_unique<CommonTask>(task);
}

}  // namespace dsabench::facts
