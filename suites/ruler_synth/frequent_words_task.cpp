#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "suites/ruler_synth/task.h"
#include "suites/ruler_synth/words.h"

namespace dsabench::ruler_synth {
namespace {

constexpr std::string_view kFiller = "...";    ///< stands where the most frequent word would
constexpr double kZeta2 = 1.6449340668482264;  ///< zeta(2) = pi^2 / 6
constexpr std::int64_t kMinVocabulary = 10;

/// Coded words whose counts follow a zeta law: rank k comes floor(units / (zeta(2) k^2)) times.
/// Rank 1 is filler, ranks 2.. are asked for. From 73 units on their counts differ.
class FrequentWordsTask final : public Task {
 public:
  explicit FrequentWordsTask(const nlohmann::json& task)
      : min_units_(task.at("min_units")),
        num_answers_(task.at("answers")),
        tokens_per_word_(task.at("tokens_per_vocabulary_word")),
        word_letters_(task.at("word_letters")),
        instruction_(task.at("instruction")),
        question_(task.at("question")),
        answer_prefix_(task.at("answer_prefix")),
        fixed_text_(instruction_ + question_ + answer_prefix_) {}

  UnitRange units() const override { return {min_units_, kUnboundedUnits}; }

  Draft draft(const DraftRequest& request) const override {
    const std::string count = std::to_string(num_answers_);
    const std::vector<std::int64_t> counts = word_counts(request);
    const std::vector<std::string> vocabulary = coded_words(request.random, counts.size());
    std::vector<std::string_view> text;
    for (std::size_t rank = 0; rank < counts.size(); ++rank) {
      text.insert(text.end(), static_cast<std::size_t>(counts[rank]), vocabulary[rank]);
    }
    request.random.stream("order").shuffle(text);

    Draft draft;
    draft.prompt = fmt::format("{}\n{}\n{}", instruction_, fmt::join(text, " "),
                               fill(question_, {{"count", count}}));
    draft.answer_prefix = fill(answer_prefix_, {{"count", count}});
    draft.references.assign(vocabulary.begin() + 1, vocabulary.begin() + 1 + num_answers_);
    draft.answer = fmt::format(" {}.", fmt::join(draft.references, ", "));
    return draft;
  }

 private:
  /// Of each rank, down to the last that comes at all or that the vocabulary has.
  std::vector<std::int64_t> word_counts(const DraftRequest& request) const {
    const std::int64_t vocabulary =
        std::max(kMinVocabulary, request.context_tokens / tokens_per_word_);
    std::vector<std::int64_t> counts;
    for (std::int64_t rank = 1; rank <= vocabulary; ++rank) {
      const auto count = static_cast<std::int64_t>(static_cast<double>(request.units) /
                                                   (kZeta2 * static_cast<double>(rank * rank)));
      if (count == 0) break;
      counts.push_back(count);
    }
    return counts;
  }

  std::vector<std::string> coded_words(const CounterRandom& random, std::size_t count) const {
    const Permutation words(random.stream("words"), num_letter_strings(word_letters_));
    std::vector<std::string> result{std::string(kFiller)};
    for (std::uint64_t i = 0; result.size() < count; ++i) {
      const std::string word = letters(words.at(i), word_letters_, 'a');
      if (!contains_word(fixed_text_, word)) result.push_back(word);
    }
    return result;
  }

  std::int64_t min_units_, num_answers_, tokens_per_word_;
  int word_letters_;
  std::string instruction_, question_, answer_prefix_, fixed_text_;
};

}  // namespace

std::unique_ptr<Task> make_frequent_words_task(const nlohmann::json& task) {
  return std::make_unique<FrequentWordsTask>(task);
}

}  // namespace dsabench::ruler_synth
