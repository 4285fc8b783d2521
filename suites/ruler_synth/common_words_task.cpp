#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "suites/ruler_synth/task.h"
#include "suites/ruler_synth/words.h"

namespace dsabench::ruler_synth {
namespace {

/// How often words come in the list, and in the worked example before it.
struct Level {
  std::int64_t common, uncommon;
  std::int64_t example_common, example_uncommon, example_words;
};

/// The words of one item, all different: list words in a random order, then coined words that hold
/// none of the list words drawn as common.
class WordSequence {
 public:
  WordSequence(const CounterRandom& random, std::int64_t num_reserved)
      : list_(random.stream("words"), builtin_words().all.size()),
        coined_(random.stream("coined"), num_coined_words()) {
    for (std::int64_t i = 0; i < num_reserved; ++i) reserved_.push_back(next());
  }

  /// Those drawn when the sequence was made.
  const std::vector<std::string>& reserved() const { return reserved_; }

  std::string next() {
    if (drawn_ < list_.size()) return builtin_words().all[list_.at(drawn_++)];
    while (true) {
      std::string word = coined_word(coined_.at(coined_drawn_++));
      const bool clash =
          std::any_of(reserved_.begin(), reserved_.end(),
                      [&](const std::string& other) { return contains_word(word, other); });
      if (!clash) return word;
    }
  }

 private:
  Permutation list_, coined_;
  std::uint64_t drawn_ = 0, coined_drawn_ = 0;
  std::vector<std::string> reserved_;
};

/// A numbered list in which ten words come more often than the others, after one worked example.
class CommonWordsTask final : public Task {
 public:
  explicit CommonWordsTask(const nlohmann::json& task)
      : min_units_(task.at("min_units")),
        num_common_(task.at("common_words")),
        instruction_(task.at("instruction")),
        question_(task.at("question")),
        answer_prefix_(task.at("answer_prefix")) {
    for (const auto& level : task.at("levels")) {
      levels_.push_back({level.at("common"), level.at("uncommon"), level.at("example_common"),
                         level.at("example_uncommon"), level.at("example_words")});
    }
  }

  std::int64_t num_levels() const override { return static_cast<std::int64_t>(levels_.size()); }
  UnitRange units() const override {
    // Half of the coined words: skipping the clashes must not run out of them.
    return {min_units_, static_cast<std::int64_t>(num_coined_words() / 2)};
  }

  Draft draft(const DraftRequest& request) const override {
    const Level& level = levels_[static_cast<std::size_t>(request.level)];
    WordSequence words(request.random, 2 * num_common_);
    const auto middle = words.reserved().begin() + num_common_;
    const std::vector<std::string> common(words.reserved().begin(), middle);
    const std::vector<std::string> example_common(middle, words.reserved().end());

    const std::string count = std::to_string(num_common_);
    const std::string question = fill(question_, {{"count", count}});
    Draft draft;
    draft.answer_prefix = fill(answer_prefix_, {{"count", count}});
    CounterRandom example_order = request.random.stream("example order");
    CounterRandom order = request.random.stream("order");
    // One statement each: both draw from `words`, and the order of operands is the compiler's.
    const std::string example_list =
        list(words, example_common, level.example_common, level.example_words,
             level.example_uncommon, example_order);
    const std::string main_list =
        list(words, common, level.common, request.units, level.uncommon, order);
    draft.prompt = instruction_ + "\n" + example_list + "\n" + question + draft.answer_prefix +
                   numbered(example_common) + "\n\n" + instruction_ + "\n" + main_list + "\n" +
                   question;
    draft.references = common;
    draft.answer = numbered(common);
    return draft;
  }

 private:
  static std::string numbered(const std::vector<std::string>& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) text += fmt::format(" {}. {}", i + 1, words[i]);
    return text;
  }

  static std::string list(WordSequence& words, const std::vector<std::string>& common,
                          std::int64_t common_count, std::int64_t num_uncommon,
                          std::int64_t uncommon_count, CounterRandom& order) {
    std::vector<std::string> entries;
    for (const std::string& word : common) {
      entries.insert(entries.end(), static_cast<std::size_t>(common_count), word);
    }
    for (std::int64_t i = 0; i < num_uncommon; ++i) {
      entries.insert(entries.end(), static_cast<std::size_t>(uncommon_count), words.next());
    }
    order.shuffle(entries);
    return numbered(entries).substr(1);
  }

  std::int64_t min_units_, num_common_;
  std::vector<Level> levels_;
  std::string instruction_, question_, answer_prefix_;
};

}  // namespace

std::unique_ptr<Task> make_common_words_task(const nlohmann::json& task) {
  return std::make_unique<CommonWordsTask>(task);
}

}  // namespace dsabench::ruler_synth
