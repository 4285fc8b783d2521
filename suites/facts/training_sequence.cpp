#include "suites/facts/training_sequence.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "kernels/base/error.h"
#include "suites/facts/notes.h"

namespace dsabench::facts {
namespace {

std::int64_t num_tokens(const Query& query) {
  return std::ssize(query.question) + std::ssize(query.answer) + 1;
}

/// Collects what fits into the length, then writes it down.
class SequenceMaker {
 public:
  SequenceMaker(const ProblemKey& key, std::int64_t length)
      : key_(key),
        random_(CounterRandom(key.seed)
                    .stream("facts sequence")
                    .stream(static_cast<std::uint64_t>(key.split))
                    .stream(key.index)),
        length_(length),
        left_(length) {}

  /// One task of each family, in random order of the families.
  std::vector<const NamedTask*> draw_tasks(const TrainingMix& mix) {
    std::map<std::string_view, std::vector<const NamedTask*>> families;
    const auto add = [&](const NamedTask& task) { families[task.family].push_back(&task); };
    if (mix.tasks.empty()) {
      for (const NamedTask& task : all_tasks()) add(task);
    } else {
      for (const std::string& name : mix.tasks) add(find_task(name));
    }
    std::vector<const NamedTask*> tasks;
    for (const auto& [family, members] : families) {
      tasks.push_back(members[random_.below(members.size())]);
    }
    random_.shuffle(tasks);
    return tasks;
  }

  /// Takes a problem of the task where its statements and one query fit, and there is room for
  /// more queries.
  void add_problem(const NamedTask& task, const TrainingMix& mix) {
    Problem problem = make_problem(task, key_, {mix.records, mix.queries, mix.every_question});
    std::int64_t tokens = num_tokens(problem.queries.front());
    for (const Words& statement : problem.statements) tokens += std::ssize(statement);
    const std::int64_t room = statements_.empty() ? left_ : left_ - length_ / kQueryShare;
    if (tokens > room) return;
    left_ -= tokens;
    queries_.push_back(problem.queries.front());
    more_queries_.insert(more_queries_.end(), problem.queries.begin() + 1, problem.queries.end());
    statements_.push_back(std::move(problem.statements));
  }

  bool empty() const { return statements_.empty(); }

  TrainingSequence write() {
    random_.shuffle(more_queries_);
    for (const Query& query : more_queries_) {
      if (num_tokens(query) > left_) continue;
      left_ -= num_tokens(query);
      queries_.push_back(query);
    }
    random_.shuffle(queries_);
    add_padding();
    write_statements();
    for (const Query& query : queries_) {
      append(query.question, 0);
      append(query.answer, 1);
      append({kEnd}, 1);
    }
    return std::move(sequence_);
  }

 private:
  void add_padding() {
    const CounterRandom notes = random_.stream("notes");
    std::vector<Words> padding;
    for (std::uint64_t i = 0; left_ >= std::ssize(note_at(notes, i)); ++i) {
      padding.push_back(note_at(notes, i));
      left_ -= std::ssize(padding.back());
    }
    statements_.push_back(std::move(padding));
    num_dots_ = left_;
  }

  /// Statements of one problem keep their order, which may matter to its answers.
  void write_statements() {
    std::vector<std::size_t> turns;
    for (std::size_t i = 0; i < statements_.size(); ++i) {
      turns.insert(turns.end(), statements_[i].size(), i);
    }
    random_.shuffle(turns);
    std::vector<std::size_t> said(statements_.size());
    for (const std::size_t turn : turns) append(statements_[turn][said[turn]++], 0);
    for (std::int64_t i = 0; i < num_dots_; ++i) append({kDot}, 0);
  }

  void append(const Words& words, std::uint8_t is_answer) {
    sequence_.tokens.insert(sequence_.tokens.end(), words.begin(), words.end());
    sequence_.is_answer.insert(sequence_.is_answer.end(), words.size(), is_answer);
  }

  /// Of the tokens a quarter is for queries, where there is choice.
  static constexpr std::int64_t kQueryShare = 4;

  ProblemKey key_;
  CounterRandom random_;
  std::int64_t length_;
  std::int64_t left_;  ///< tokens
  std::int64_t num_dots_ = 0;
  std::vector<std::vector<Words>> statements_;  ///< of each problem
  std::vector<Query> queries_, more_queries_;   ///< one of each problem; the others
  TrainingSequence sequence_;
};

}  // namespace

TrainingSequence make_training_sequence(const ProblemKey& key, std::int64_t length,
                                        const TrainingMix& mix) {
  if (mix.records < 1 || mix.queries < 1) {
    throw InvalidArgument(
        fmt::format("training mix: records and queries must be at least 1, got {} and {}",
                    mix.records, mix.queries));
  }
  SequenceMaker maker(key, length);
  for (const NamedTask* task : maker.draw_tasks(mix)) maker.add_problem(*task, mix);
  if (maker.empty()) {
    throw InvalidArgument(
        fmt::format("training sequence: no drawn task of the mix fits into {} tokens", length));
  }
  return maker.write();
}

}  // namespace dsabench::facts
