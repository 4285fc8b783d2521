#include <algorithm>
#include <nlohmann/json.hpp>

#include "suites/facts/task.h"

namespace dsabench::facts {
namespace {

/// box: key value. Every key comes `values_per_key` times; `keys_asked` are asked for at once, and
/// all their values are answered in order.
class KeyValueTask final : public Task {
 public:
  explicit KeyValueTask(const nlohmann::json& task)
      : values_per_key_(task.at("values_per_key")), keys_asked_(task.at("keys_asked")) {}

  RecordRange records() const override { return {2 * values_per_key_ * keys_asked_, 128}; }
  double chance(std::int64_t records) const override {
    return 1.0 / static_cast<double>(num_keys(records));
  }

  Problem make(const CounterRandom& random, const ProblemSize& size) const override {
    CounterRandom order = random.stream("order");
    Names names(random.stream("names"));
    Problem problem;
    std::vector<Word> keys(static_cast<std::size_t>(num_keys(size.records)));
    for (Word& key : keys) {
      key = names.draw();
      for (std::int64_t i = 0; i < values_per_key_; ++i) {
        problem.statements.push_back({kBox, key, names.draw()});
      }
    }
    order.shuffle(problem.statements);
    order.shuffle(keys);
    const std::span<const Word> all(keys);
    const auto asked = static_cast<std::size_t>(keys_asked_);
    for (std::size_t at = 0; at + asked <= keys.size(); at += asked) {
      if (std::ssize(problem.queries) == size.queries) break;
      problem.queries.push_back(ask(problem.statements, all.subspan(at, asked)));
    }
    return problem;
  }

 private:
  std::int64_t num_keys(std::int64_t records) const { return records / values_per_key_; }

  static Query ask(std::span<const Words> statements, std::span<const Word> keys) {
    Query query{{kAskBox}, {}};
    for (const Word key : keys) {
      query.question.push_back(key);
      for (const Word value : values_of(statements, key)) query.answer.push_back(value);
    }
    return query;
  }

  std::int64_t values_per_key_, keys_asked_;
};

}  // namespace

std::vector<Word> values_of(std::span<const Words> statements, Word key) {
  std::vector<Word> values;
  for (const Words& statement : statements) {
    if (statement[1] == key) values.push_back(statement.back());
  }
  return values;
}

std::unique_ptr<Task> make_key_value_task(const nlohmann::json& task) {
  return std::make_unique<KeyValueTask>(task);
}

}  // namespace dsabench::facts
