#include <nlohmann/json.hpp>

#include "suites/facts/task.h"

namespace dsabench::facts {
namespace {

/// link: a b, link: b c, ...: chains of `length` links in any order. Asked: what stands `hops`
/// links behind the head of a chain.
class ChainTask final : public Task {
 public:
  explicit ChainTask(const nlohmann::json& task)
      : length_(task.at("length")), hops_(task.at("hops")) {}

  RecordRange records() const override { return {2 * length(), 128}; }
  double chance(std::int64_t records) const override {
    return 1.0 / static_cast<double>(records / length());
  }

  Problem make(const CounterRandom& random, const ProblemSize& size) const override {
    CounterRandom order = random.stream("order");
    Names names(random.stream("names"));
    Problem problem;
    for (std::int64_t chain = 0; chain < size.records / length(); ++chain) {
      Words nodes{names.draw()};
      for (std::size_t hop = 1; hop <= length_; ++hop) {
        nodes.push_back(names.draw());
        problem.statements.push_back({kLink, nodes[hop - 1], nodes[hop]});
      }
      for (std::size_t from = 0; from < length_; ++from) {
        for (std::size_t hops = 1; from + hops <= length_; ++hops) {
          const bool of_sample = from == 0 && hops == hops_;
          (of_sample ? problem.queries : problem.others)
              .push_back({{kAskLink, number_word(hops), nodes[from]}, {nodes[from + hops]}});
        }
      }
    }
    order.shuffle(problem.statements);
    order.shuffle(problem.queries);
    return problem;
  }

 private:
  std::int64_t length() const { return static_cast<std::int64_t>(length_); }

  std::size_t length_, hops_;
};

}  // namespace

std::unique_ptr<Task> make_chain_task(const nlohmann::json& task) {
  return std::make_unique<ChainTask>(task);
}

}  // namespace dsabench::facts
