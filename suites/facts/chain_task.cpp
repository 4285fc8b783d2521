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

  RecordRange records() const override { return {2 * length_, 128}; }
  double chance(std::int64_t records) const override {
    return 1.0 / static_cast<double>(records / length_);
  }

  Problem make(const CounterRandom& random, const ProblemSize& size) const override {
    CounterRandom order = random.stream("order");
    Names names(random.stream("names"));
    Problem problem;
    for (std::int64_t chain = 0; chain < size.records / length_; ++chain) {
      const Word head = names.draw();
      Word from = head;
      for (std::int64_t hop = 1; hop <= length_; ++hop) {
        const Word to = names.draw();
        problem.statements.push_back({kLink, from, to});
        if (hop == hops_) {
          problem.queries.push_back(
              {{kAskLink, number_word(static_cast<std::uint64_t>(hops_)), head}, {to}});
        }
        from = to;
      }
    }
    order.shuffle(problem.statements);
    order.shuffle(problem.queries);
    problem.keep_queries(size.queries);
    return problem;
  }

 private:
  std::int64_t length_, hops_;
};

}  // namespace

std::unique_ptr<Task> make_chain_task(const nlohmann::json& task) {
  return std::make_unique<ChainTask>(task);
}

}  // namespace dsabench::facts
