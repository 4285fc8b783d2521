#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "suites/facts/task.h"

namespace dsabench::facts {
namespace {

/// rank: a number. Asked: all names, the smallest number first.
class SortTask final : public Task {
 public:
  explicit SortTask(const nlohmann::json& task) : most_(task.at("most")) {}

  RecordRange records() const override { return {3, most_}; }
  double chance(std::int64_t records) const override { return 1.0 / static_cast<double>(records); }

  Problem make(const CounterRandom& random, const ProblemSize& size) const override {
    CounterRandom order = random.stream("order");
    Names names(random.stream("names"));
    std::vector<Word> numbers(kNumNumbers);
    std::iota(numbers.begin(), numbers.end(), number_word(0));
    order.shuffle(numbers);

    Problem problem;
    for (std::size_t i = 0; i < static_cast<std::size_t>(size.records); ++i) {
      problem.statements.push_back({kRank, names.draw(), numbers[i]});
    }
    std::vector<Words> sorted = problem.statements;
    std::sort(sorted.begin(), sorted.end(),
              [](const Words& a, const Words& b) { return a[2] < b[2]; });
    Query query{{kAskRank}, {}};
    for (const Words& rank : sorted) query.answer.push_back(rank[1]);
    problem.queries = {query};
    return problem;
  }

 private:
  std::int64_t most_;
};

}  // namespace

std::unique_ptr<Task> make_sort_task(const nlohmann::json& task) {
  return std::make_unique<SortTask>(task);
}

}  // namespace dsabench::facts
