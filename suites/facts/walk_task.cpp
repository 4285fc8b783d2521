#include <nlohmann/json.hpp>

#include "suites/facts/task.h"

namespace dsabench::facts {
namespace {

/// edge: a b. One way leads out of every node, and one into it: they form a single ring, so that no
/// node is reached more often than others. Asked: the node 1 to `steps` steps from one.
class WalkTask final : public Task {
 public:
  explicit WalkTask(const nlohmann::json& task) : steps_(task.at("steps")) {}

  RecordRange records() const override { return {steps_ + 2, 128}; }
  double chance(std::int64_t records) const override {
    return 1.0 / static_cast<double>(records - 1);
  }

  Problem make(const CounterRandom& random, const ProblemSize& size) const override {
    CounterRandom order = random.stream("order");
    Names names(random.stream("names"));
    std::vector<Word> ring(static_cast<std::size_t>(size.records));
    for (Word& node : ring) node = names.draw();
    const auto at = [&](std::size_t i) { return ring[i % ring.size()]; };

    Problem problem;
    for (std::size_t i = 0; i < ring.size(); ++i) {
      problem.statements.push_back({kEdge, ring[i], at(i + 1)});
      const std::uint64_t steps = 1 + order.below(static_cast<std::uint64_t>(steps_));
      for (std::uint64_t step = 1; step <= static_cast<std::uint64_t>(steps_); ++step) {
        (step == steps ? problem.queries : problem.others)
            .push_back({{kAskWalk, number_word(step), ring[i]}, {at(i + step)}});
      }
    }
    order.shuffle(problem.statements);
    order.shuffle(problem.queries);
    return problem;
  }

 private:
  std::int64_t steps_;
};

}  // namespace

std::unique_ptr<Task> make_walk_task(const nlohmann::json& task) {
  return std::make_unique<WalkTask>(task);
}

}  // namespace dsabench::facts
