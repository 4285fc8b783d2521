#include <nlohmann/json.hpp>

#include "suites/facts/task.h"

namespace dsabench::facts {
namespace {

/// pair: key key value. The keys are cells of a nearly full square, so that nearly every first and
/// every second word of a key is that of many others.
class KeyPairTask final : public Task {
 public:
  RecordRange records() const override { return {3, 128}; }
  double chance(std::int64_t records) const override { return 1.0 / static_cast<double>(records); }

  Problem make(const CounterRandom& random, const ProblemSize& size) const override {
    CounterRandom order = random.stream("order");
    Names names(random.stream("names"));
    const auto records = static_cast<std::size_t>(size.records);
    std::size_t side = 2;
    while (side * side < records) ++side;
    std::vector<Word> first(side), second(side);
    for (Word& word : first) word = names.draw();
    for (Word& word : second) word = names.draw();

    Problem problem;
    for (const Word a : first) {
      for (const Word b : second) problem.statements.push_back({kPair, a, b, names.draw()});
    }
    order.shuffle(problem.statements);
    problem.statements.resize(records, {});
    std::vector<Words> asked = problem.statements;
    order.shuffle(asked);
    for (const Words& pair : asked) {
      if (std::ssize(problem.queries) == size.queries) break;
      problem.queries.push_back({{kAskPair, pair[1], pair[2]}, {pair[3]}});
    }
    return problem;
  }
};

}  // namespace

std::unique_ptr<Task> make_key_pair_task(const nlohmann::json&) {
  return std::make_unique<KeyPairTask>();
}

}  // namespace dsabench::facts
