#include <algorithm>
#include <nlohmann/json.hpp>

#include "suites/facts/task.h"

namespace dsabench::facts {
namespace {

/// edge: a b. One way leads out of every node; `parents` lead into some, none into the others.
/// Asked: the nodes from which a way leads into one, in the order of the statements.
class ParentsTask final : public Task {
 public:
  explicit ParentsTask(const nlohmann::json& task) : parents_(task.at("parents")) {}

  RecordRange records() const override { return {2 * parents_, 128}; }
  double chance(std::int64_t records) const override {
    return 1.0 / static_cast<double>(records / parents_);
  }

  Problem make(const CounterRandom& random, const ProblemSize& size) const override {
    CounterRandom order = random.stream("order");
    Names names(random.stream("names"));
    const std::int64_t num_children = size.records / parents_;
    std::vector<Word> nodes(static_cast<std::size_t>(num_children * parents_));
    for (Word& node : nodes) node = names.draw();
    std::vector<Word> sources = nodes;
    order.shuffle(sources);

    Problem problem;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const Word child = nodes[i / static_cast<std::size_t>(parents_)];
      problem.statements.push_back({kEdge, sources[i], child});
    }
    order.shuffle(problem.statements);
    for (std::int64_t i = 0; i < std::min(num_children, size.queries); ++i) {
      problem.queries.push_back(ask(problem.statements, nodes[static_cast<std::size_t>(i)]));
    }
    return problem;
  }

 private:
  static Query ask(const std::vector<Words>& statements, Word child) {
    Query query{{kAskParents, child}, {}};
    for (const Words& edge : statements) {
      if (edge[2] == child) query.answer.push_back(edge[1]);
    }
    return query;
  }

  std::int64_t parents_;
};

}  // namespace

std::unique_ptr<Task> make_parents_task(const nlohmann::json& task) {
  return std::make_unique<ParentsTask>(task);
}

}  // namespace dsabench::facts
