#include <nlohmann/json.hpp>
#include <numeric>

#include "suites/facts/task.h"

namespace dsabench::facts {
namespace {

/// start: a number, then plus: b a number or times: c b number, `steps` times. Asked: the last of a
/// chain, modulo `modulus`. Every step is a bijection, so that every answer is as likely as others.
class ModularTask final : public Task {
 public:
  explicit ModularTask(const nlohmann::json& task)
      : steps_(task.at("steps")), modulus_(task.at("modulus")) {
    for (std::uint64_t factor = 2; factor < modulus_; ++factor) {
      if (std::gcd(factor, modulus_) == 1) factors_.push_back(factor);
    }
  }

  RecordRange records() const override { return {1 + steps_, 128}; }
  double chance(std::int64_t) const override { return 1.0 / static_cast<double>(modulus_); }

  Problem make(const CounterRandom& random, const ProblemSize& size) const override {
    CounterRandom order = random.stream("order");
    Names names(random.stream("names"));
    Problem problem;
    for (std::int64_t chain = 0; chain < size.records / (1 + steps_); ++chain) {
      Word last = names.draw();
      std::uint64_t value = order.below(modulus_);
      const auto ask = [&] {
        return Query{{kAskCount, number_word(modulus_), last}, {number_word(value)}};
      };
      problem.statements.push_back({kStart, last, number_word(value)});
      for (std::int64_t step = 0; step < steps_; ++step) {
        problem.others.push_back(ask());
        const Word next = names.draw();
        if (order.below(2) == 0) {
          const std::uint64_t summand = 1 + order.below(modulus_ - 1);
          problem.statements.push_back({kPlus, next, last, number_word(summand)});
          value = (value + summand) % modulus_;
        } else {
          const std::uint64_t factor = factors_[order.below(factors_.size())];
          problem.statements.push_back({kTimes, next, last, number_word(factor)});
          value = value * factor % modulus_;
        }
        last = next;
      }
      problem.queries.push_back(ask());
    }
    order.shuffle(problem.statements);
    order.shuffle(problem.queries);
    return problem;
  }

 private:
  std::int64_t steps_;
  std::uint64_t modulus_;
  std::vector<std::uint64_t> factors_;
};

}  // namespace

std::unique_ptr<Task> make_modular_task(const nlohmann::json& task) {
  return std::make_unique<ModularTask>(task);
}

}  // namespace dsabench::facts
