#pragma once
#include <cstdint>
#include <iterator>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

#include "suites/counter_random.h"
#include "suites/facts/vocabulary.h"

namespace dsabench::facts {

struct Query {
  Words question, answer;
};

/// Statements in the order in which they are made, and questions about them alone. A rendering may
/// put other things between the statements.
struct Problem {
  std::vector<Words> statements;
  std::vector<Query> queries;  ///< at least one, all different; the first is what a sample asks
  std::vector<Query> others;   ///< that no sample asks: about steps on the way

  /// Puts the others among the queries behind the first, in random order.
  void ask_others(CounterRandom order) {
    if (others.empty()) return;
    others.insert(others.end(), queries.begin() + 1, queries.end());
    order.shuffle(others);
    queries.erase(queries.begin() + 1, queries.end());
    queries.insert(queries.end(), others.begin(), others.end());
    others.clear();
  }
  void keep_queries(std::int64_t most) {
    if (std::ssize(queries) > most) queries.erase(queries.begin() + most, queries.end());
  }
};

struct ProblemSize {
  std::int64_t records = 1;     ///< statements; where they come in groups, those of whole groups
  std::int64_t queries = 1;     ///< at most: there may be fewer to ask
  bool every_question = false;  ///< the others too
};

/// What a task can be asked for.
struct RecordRange {
  std::int64_t min = 1;
  std::int64_t max = 128;
};

/// Makes problems of one kind. Thread-safe.
class Task {
 public:
  virtual ~Task() = default;
  virtual RecordRange records() const = 0;
  /// Depends on its arguments alone. `size.records` lies in records(), `size.queries` >= 1. There
  /// may be more queries than asked for.
  virtual Problem make(const CounterRandom& random, const ProblemSize& size) const = 0;
  /// The probability of the answer's first word for the best guess of who knows the rules and reads
  /// which words there are, but not which belong together.
  virtual double chance(std::int64_t records) const = 0;
};

/// From a task's entry in tasks.json. Those made by one function, and walk and parents, make
/// statements of the same form: one problem of them at a time is unambiguous.
std::unique_ptr<Task> make_key_value_task(const nlohmann::json& task);
std::unique_ptr<Task> make_key_pair_task(const nlohmann::json& task);
std::unique_ptr<Task> make_chain_task(const nlohmann::json& task);
std::unique_ptr<Task> make_common_task(const nlohmann::json& task);
std::unique_ptr<Task> make_walk_task(const nlohmann::json& task);
std::unique_ptr<Task> make_parents_task(const nlohmann::json& task);
std::unique_ptr<Task> make_ith_task(const nlohmann::json& task);
std::unique_ptr<Task> make_documents_task(const nlohmann::json& task);
std::unique_ptr<Task> make_modular_task(const nlohmann::json& task);
std::unique_ptr<Task> make_boolean_task(const nlohmann::json& task);
std::unique_ptr<Task> make_sort_task(const nlohmann::json& task);
std::unique_ptr<Task> make_instruct_task(const nlohmann::json& task);

/// The last words of the two-word statements about `key`, in their order.
std::vector<Word> values_of(std::span<const Words> statements, Word key);

}  // namespace dsabench::facts
