#include <nlohmann/json.hpp>

#include "suites/facts/task.h"

namespace dsabench::facts {
namespace {

/// say: request reply. Every request is made `repeats` times, with another reply each time. Asked:
/// the reply to the i-th.
class IthTask final : public Task {
 public:
  explicit IthTask(const nlohmann::json& task) : repeats_(task.at("repeats")) {}

  RecordRange records() const override { return {2 * repeats_, 128}; }
  double chance(std::int64_t records) const override {
    return 1.0 / static_cast<double>(records / repeats_ * repeats_);
  }

  Problem make(const CounterRandom& random, const ProblemSize& size) const override {
    CounterRandom order = random.stream("order");
    Names names(random.stream("names"));
    Problem problem;
    std::vector<Word> requests(static_cast<std::size_t>(size.records / repeats_));
    for (Word& request : requests) {
      request = names.draw();
      for (std::int64_t i = 0; i < repeats_; ++i) {
        problem.statements.push_back({kSay, request, names.draw()});
      }
    }
    order.shuffle(problem.statements);
    for (const Word request : requests) {
      std::uint64_t i = 0;
      for (const Word reply : values_of(problem.statements, request)) {
        problem.queries.push_back({{kAskSay, number_word(++i), request}, {reply}});
      }
    }
    order.shuffle(problem.queries);
    return problem;
  }

 private:
  std::int64_t repeats_;
};

}  // namespace

std::unique_ptr<Task> make_ith_task(const nlohmann::json& task) {
  return std::make_unique<IthTask>(task);
}

}  // namespace dsabench::facts
