#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "suites/ruler_synth/task.h"
#include "suites/ruler_synth/words.h"

namespace dsabench::ruler_synth {
namespace {

constexpr int kNameLetters = 5;
constexpr std::uint64_t kFirstValue = 10'000;  ///< values have five digits
constexpr std::uint64_t kNumValues = 90'000;

/// A chain of assignments, `VAR A = 12345`, `VAR B = VAR A`, ..., spread in order over filler.
class VariableTrackingTask final : public Task {
 public:
  VariableTrackingTask(const nlohmann::json& task, const std::vector<std::string>& noise)
      : noise_(noise),
        min_units_(task.at("min_units")),
        hops_(task.at("hops")),
        instruction_(task.at("instruction")),
        first_(task.at("first")),
        next_(task.at("next")),
        question_(task.at("question")),
        answer_prefix_(task.at("answer_prefix")) {
    for (const std::string& sentence : noise_) fixed_text_ += sentence + "\n";
    fixed_text_ += instruction_ + first_ + next_ + question_ + answer_prefix_;
  }

  UnitRange units() const override { return {min_units_, kUnboundedUnits}; }

  Draft draft(const DraftRequest& request) const override {
    const std::vector<std::string> names = variable_names(request.random);
    const std::string value =
        std::to_string(kFirstValue + request.random.stream("value").below(kNumValues));
    const std::string count = std::to_string(names.size());
    const std::vector<std::uint32_t> depths = sorted_depths(request.random, names.size());

    Draft draft;
    draft.prompt = instruction_ + "\n";
    std::size_t said = 0;
    for (std::int64_t unit = 0; unit <= request.units; ++unit) {
      while (said < names.size() && insertion_point(depths[said], request.units) == unit) {
        draft.prompt += statement(names, said++, value) + "\n";
      }
      if (unit < request.units) {
        draft.prompt += noise_[static_cast<std::size_t>(unit) % noise_.size()] + "\n";
      }
    }
    draft.prompt += fill(question_, {{"count", count}, {"value", value}});
    draft.answer_prefix = fill(answer_prefix_, {{"count", count}, {"value", value}});
    draft.references = names;
    draft.answer = fmt::format(" {}.", fmt::join(names, ", "));
    return draft;
  }

 private:
  std::vector<std::string> variable_names(const CounterRandom& random) const {
    const Permutation names(random.stream("names"), num_letter_strings(kNameLetters));
    std::vector<std::string> result;
    for (std::uint64_t i = 0; result.size() < hops_ + 1; ++i) {
      const std::string name = letters(names.at(i), kNameLetters, 'A');
      if (!contains_word(fixed_text_, name)) result.push_back(name);
    }
    return result;
  }

  static std::vector<std::uint32_t> sorted_depths(const CounterRandom& random, std::size_t count) {
    CounterRandom stream = random.stream("depth");
    std::vector<std::uint32_t> depths(count);
    for (std::uint32_t& depth : depths) depth = static_cast<std::uint32_t>(stream.next() >> 32);
    std::sort(depths.begin(), depths.end());
    return depths;
  }

  std::string statement(const std::vector<std::string>& names, std::size_t index,
                        const std::string& value) const {
    if (index == 0) return fill(first_, {{"name", names[0]}, {"value", value}});
    return fill(next_, {{"name", names[index]}, {"previous", names[index - 1]}});
  }

  std::vector<std::string> noise_;
  std::int64_t min_units_;
  std::size_t hops_;
  std::string instruction_, first_, next_, question_, answer_prefix_;
  std::string fixed_text_;
};

}  // namespace

std::unique_ptr<Task> make_variable_tracking_task(const nlohmann::json& task,
                                                  const std::vector<std::string>& noise) {
  return std::make_unique<VariableTrackingTask>(task, noise);
}

}  // namespace dsabench::ruler_synth
