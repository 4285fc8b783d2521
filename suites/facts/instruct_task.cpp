#include <nlohmann/json.hpp>

#include "suites/facts/task.h"

namespace dsabench::facts {
namespace {

/// rule: key number word last. Asked: what the rule of a key says, the word so often and then the
/// last.
class InstructTask final : public Task {
 public:
  explicit InstructTask(const nlohmann::json& task) : most_repeats_(task.at("most_repeats")) {}

  RecordRange records() const override { return {2, 128}; }
  double chance(std::int64_t records) const override { return 1.0 / static_cast<double>(records); }

  Problem make(const CounterRandom& random, const ProblemSize& size) const override {
    CounterRandom order = random.stream("order");
    Names names(random.stream("names"));
    Problem problem;
    for (std::int64_t i = 0; i < size.records; ++i) {
      const std::uint64_t repeats = 1 + order.below(most_repeats_);
      const Word key = names.draw(), word = names.draw(), last = names.draw();
      problem.statements.push_back({kRule, key, number_word(repeats), word, last});
      Query query{{kAskRule, key}, {}};
      for (std::uint64_t said = 0; said < repeats; ++said) query.answer.push_back(word);
      query.answer.push_back(last);
      problem.queries.push_back(query);
    }
    order.shuffle(problem.queries);
    return problem;
  }

 private:
  std::uint64_t most_repeats_;
};

}  // namespace

std::unique_ptr<Task> make_instruct_task(const nlohmann::json& task) {
  return std::make_unique<InstructTask>(task);
}

}  // namespace dsabench::facts
