#include <nlohmann/json.hpp>

#include "suites/facts/task.h"

namespace dsabench::facts {
namespace {

struct Gate {
  Symbol form;
  std::size_t left, right;  ///< inputs come first, then the gates before
};

/// Of the inputs and then the gates.
std::vector<bool> outputs(const std::vector<Gate>& gates, std::vector<bool> signals) {
  for (const Gate& gate : gates) {
    const bool left = signals[gate.left], right = signals[gate.right];
    signals.push_back(gate.form == kBoth     ? left && right
                      : gate.form == kEither ? left || right
                                             : left != right);
  }
  return signals;
}

/// signal: a true|false, then both:, either: and differ: c a b. Every gate takes the one before and
/// another signal. Asked: the last gate of a circuit. The answer is drawn first, and inputs until
/// they give it, so that neither answer is likelier.
class BooleanTask final : public Task {
 public:
  explicit BooleanTask(const nlohmann::json& task)
      : inputs_(task.at("inputs")), gates_(task.at("gates")) {}

  RecordRange records() const override { return {circuit_records(), 128}; }
  double chance(std::int64_t) const override { return 0.5; }

  Problem make(const CounterRandom& random, const ProblemSize& size) const override {
    CounterRandom order = random.stream("order");
    Names names(random.stream("names"));
    Problem problem;
    for (std::int64_t i = 0; i < size.records / circuit_records(); ++i) {
      add_circuit(order, names, problem);
    }
    order.shuffle(problem.statements);
    order.shuffle(problem.queries);
    return problem;
  }

 private:
  static constexpr int kTries = 16;  ///< then a circuit is taken to be constant

  std::int64_t circuit_records() const { return static_cast<std::int64_t>(inputs_ + gates_); }

  void add_circuit(CounterRandom& order, Names& names, Problem& problem) const {
    const bool answer = order.below(2) == 1;
    std::vector<Gate> gates;
    std::vector<bool> inputs(inputs_);
    int tries = 0;
    do {
      if (tries++ % kTries == 0) gates = draw_gates(order);
      for (std::size_t i = 0; i < inputs_; ++i) inputs[i] = order.below(2) == 1;
    } while (outputs(gates, inputs).back() != answer);

    std::vector<Word> signals(inputs_ + gates_);
    for (Word& signal : signals) signal = names.draw();
    for (std::size_t i = 0; i < inputs_; ++i) {
      problem.statements.push_back({kSignal, signals[i], inputs[i] ? kTrue : kFalse});
    }
    for (std::size_t i = 0; i < gates_; ++i) {
      const Gate& gate = gates[i];
      problem.statements.push_back(
          {gate.form, signals[inputs_ + i], signals[gate.left], signals[gate.right]});
    }
    const std::vector<bool> values = outputs(gates, inputs);
    for (std::size_t i = 0; i < signals.size(); ++i) {
      (i + 1 == signals.size() ? problem.queries : problem.others)
          .push_back({{kAskSignal, signals[i]}, {values[i] ? kTrue : kFalse}});
    }
  }

  std::vector<Gate> draw_gates(CounterRandom& order) const {
    std::vector<Gate> gates;
    for (std::size_t node = inputs_; node < inputs_ + gates_; ++node) {
      static constexpr Symbol kForms[] = {kBoth, kEither, kDiffer};
      const std::size_t other = order.below(node - 1);
      gates.push_back({kForms[order.below(3)], node - 1, other});
    }
    return gates;
  }

  std::size_t inputs_, gates_;
};

}  // namespace

std::unique_ptr<Task> make_boolean_task(const nlohmann::json& task) {
  return std::make_unique<BooleanTask>(task);
}

}  // namespace dsabench::facts
