#include <nlohmann/json.hpp>

#include "kernels/base/error.h"
#include "suites/ruler_synth/task.h"
#include "suites/ruler_synth/words.h"

namespace dsabench::ruler_synth {
namespace {

constexpr std::uint64_t kFirstNumber = 1'000'000;  ///< values have seven digits
constexpr std::uint64_t kNumNumbers = 9'000'000;

/// One needle among filler sentences, or among other needles with keys and values of their own.
class NeedleTask final : public Task {
 public:
  NeedleTask(const nlohmann::json& task, const std::vector<std::string>& noise)
      : noise_(noise),
        min_units_(task.at("min_units")),
        hide_among_needles_(task.at("haystack") == "needles"),
        uuid_keys_(task.at("keys") == "uuid"),
        uuid_values_(task.at("values") == "uuid"),
        instruction_(task.at("instruction")),
        needle_(task.at("needle")),
        question_(task.at("question")),
        answer_prefix_(task.at("answer_prefix")) {}

  UnitRange units() const override {
    std::uint64_t max = kUnboundedUnits;
    if (hide_among_needles_ && !uuid_keys_) max = std::min(max, builtin_words().num_keys() - 1);
    if (hide_among_needles_ && !uuid_values_) max = std::min(max, kNumNumbers - 1);
    return {min_units_, static_cast<std::int64_t>(max)};
  }

  Draft draft(const DraftRequest& request) const override {
    const Pairs pairs(*this, request.random);
    CounterRandom depth = request.random.stream("depth");
    const std::int64_t at =
        insertion_point(static_cast<std::uint32_t>(depth.next() >> 32), request.units);
    Draft draft;
    draft.prompt = instruction_ + "\n";
    for (std::int64_t unit = 0; unit <= request.units; ++unit) {
      if (unit == at) draft.prompt += pairs.sentence(0) + "\n";
      if (unit < request.units) draft.prompt += hay(pairs, unit) + "\n";
    }
    const std::string key = pairs.key(0), value = pairs.value(0);
    draft.prompt += fill(question_, {{"key", key}});
    draft.answer_prefix = fill(answer_prefix_, {{"key", key}});
    draft.references = {value};
    draft.answer = " " + value + ".";
    return draft;
  }

 private:
  /// The keys and values of an item, all different; number 0 is asked for.
  class Pairs {
   public:
    Pairs(const NeedleTask& task, const CounterRandom& random)
        : task_(task),
          uuid_keys_(random.stream("uuid keys")),
          uuid_values_(random.stream("uuid values")),
          keys_(random.stream("keys"), builtin_words().num_keys()),
          numbers_(random.stream("numbers"), kNumNumbers) {}

    std::string key(std::uint64_t index) const {
      return task_.uuid_keys_ ? uuid(uuid_keys_, index) : builtin_words().key(keys_.at(index));
    }
    std::string value(std::uint64_t index) const {
      return task_.uuid_values_ ? uuid(uuid_values_, index)
                                : std::to_string(kFirstNumber + numbers_.at(index));
    }
    std::string sentence(std::uint64_t index) const {
      return fill(task_.needle_, {{"key", key(index)}, {"value", value(index)}});
    }

   private:
    const NeedleTask& task_;
    CounterRandom uuid_keys_, uuid_values_;
    Permutation keys_, numbers_;
  };

  std::string hay(const Pairs& pairs, std::int64_t unit) const {
    const auto index = static_cast<std::uint64_t>(unit);
    return hide_among_needles_ ? pairs.sentence(index + 1) : noise_[index % noise_.size()];
  }

  std::vector<std::string> noise_;
  std::int64_t min_units_;
  bool hide_among_needles_, uuid_keys_, uuid_values_;
  std::string instruction_, needle_, question_, answer_prefix_;
};

}  // namespace

std::unique_ptr<Task> make_needle_task(const nlohmann::json& task,
                                       const std::vector<std::string>& noise) {
  return std::make_unique<NeedleTask>(task, noise);
}

}  // namespace dsabench::ruler_synth
