#include "suites/ruler_synth/ruler_synth_suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "kernels/base/error.h"
#include "suite_files.h"
#include "suites/ruler_synth/string_match_scorer.h"
#include "suites/ruler_synth/task.h"
#include "suites/suite_data.h"

namespace dsabench {
namespace {

using ruler_synth::Draft;
using ruler_synth::DraftRequest;
using ruler_synth::Task;

/// A task with what the suite needs to know to fit it into a context.
struct FittedTask {
  std::string name;
  std::int64_t tokens_to_generate;  ///< at least
  std::int64_t answer_slack;
  std::unique_ptr<Task> task;

  std::int64_t answer_budget(const Draft& draft, const TokenCounter& counter) const {
    return std::max(tokens_to_generate, counter.count(draft.answer) + answer_slack);
  }
  std::int64_t cost(const DraftRequest& request, const TokenCounter& counter) const {
    const Draft draft = task->draft(request);
    return counter.count(draft.prompt + draft.answer_prefix) + answer_budget(draft, counter);
  }
};

/// The smallest prompt of the item.
DraftRequest smallest(const FittedTask& fitted, const CounterRandom& random,
                      std::int64_t context_tokens) {
  return {random, fitted.task->units().min, fitted.task->num_levels() - 1, context_tokens};
}

/// The item's request at the first level that the context allows. Needs a context in which the
/// smallest fits.
DraftRequest fit(const FittedTask& fitted, const CounterRandom& random, std::int64_t context_tokens,
                 const TokenCounter& counter) {
  const UnitRange units = fitted.task->units();
  const std::int64_t last = fitted.task->num_levels() - 1;
  for (std::int64_t level = 0;; ++level) {
    // The choice is made on one fixed item with room to spare, so that the items of a context do
    // not differ in level by the length of their words.
    const DraftRequest probe{CounterRandom(0), units.min, level, context_tokens};
    if (level < last && fitted.cost(probe, counter) * 5 / 4 > context_tokens) continue;
    DraftRequest request{random, units.min, level, context_tokens};
    if (level < last && fitted.cost(request, counter) > context_tokens) continue;
    request.units = fit_units(units, context_tokens, [&](std::int64_t count) {
      return fitted.cost({random, count, level, context_tokens}, counter);
    });
    return request;
  }
}

std::unique_ptr<Task> make_task(const nlohmann::json& task, const std::vector<std::string>& noise) {
  const std::string kind = task.at("kind");
  if (kind == "needle") return ruler_synth::make_needle_task(task, noise);
  if (kind == "variable_tracking") return ruler_synth::make_variable_tracking_task(task, noise);
  if (kind == "common_words") return ruler_synth::make_common_words_task(task);
  if (kind == "frequent_words") return ruler_synth::make_frequent_words_task(task);
  throw ParseError("suites/ruler_synth/suite.json", fmt::format("unknown kind '{}'", kind));
}

class RulerSynthSuite final : public Suite {
 public:
  RulerSynthSuite() {
    const auto json = parse_suite_json("suites/ruler_synth/suite.json",
                                       embedded::suite_files::ruler_synth_suite_json);
    data_ = read_suite_data(json);
    const std::vector<std::string> noise = json.at("noise");
    for (const auto& task : json.at("tasks")) {
      const std::string name = task.at("name");
      tasks_[name] = {name, task.at("tokens_to_generate"), json.at("answer_slack_tokens"),
                      make_task(task, noise)};
    }
  }

  std::string name() const override { return data_.name; }
  std::string version() const override { return data_.version; }
  std::string description() const override { return data_.description; }
  Kind kind() const override { return Kind::quality; }
  std::vector<std::string> tasks() const override { return data_.tasks; }
  bool needs_text() const override { return true; }
  const Scorer* scorer() const override { return &scorer_; }

  void check(const SuiteRequest& request) const override {
    const std::vector<std::string> names = requested_tasks(*this, request);
    if (!request.counter) {
      throw InvalidArgument(
          fmt::format("suite {}: the model has no tokenizer, which text needs", data_.name));
    }
    for (const std::string& task : names) check_fits(tasks_.at(task), request);
  }

  std::vector<Sample> samples(const SuiteRequest& request) const override {
    check(request);
    std::vector<Sample> samples;
    for (const std::string& task : requested_tasks(*this, request)) {
      for (std::int64_t index = 0; index < request.samples_per_task; ++index) {
        samples.push_back(sample(tasks_.at(task), request, index));
      }
    }
    return samples;
  }

 private:
  CounterRandom item_random(const FittedTask& fitted, const SuiteRequest& request,
                            std::int64_t index) const {
    return CounterRandom(request.seed)
        .stream(data_.name)
        .stream(fitted.name)
        .stream(static_cast<std::uint64_t>(index));
  }

  Sample sample(const FittedTask& fitted, const SuiteRequest& request, std::int64_t index) const {
    const DraftRequest fit_request =
        fit(fitted, item_random(fitted, request, index), request.context_tokens, *request.counter);
    if (fit_request.units == fitted.task->units().max) {
      throw InvalidArgument(fmt::format("suite {}: task {} has no text left at a context of {}",
                                        data_.name, fitted.name, request.context_tokens));
    }
    Draft draft = fitted.task->draft(fit_request);
    Sample sample;
    sample.item_id = fmt::format("{}/{}/{}", fitted.name, request.context_tokens, index);
    sample.task = fitted.name;
    sample.max_new_tokens = fitted.answer_budget(draft, *request.counter);
    sample.prompt = std::move(draft.prompt);
    sample.answer_prefix = std::move(draft.answer_prefix);
    sample.references = std::move(draft.references);
    sample.context_tokens = request.context_tokens;
    return sample;
  }

  /// The message names the smallest context in which every item of the request fits.
  void check_fits(const FittedTask& fitted, const SuiteRequest& request) const {
    std::int64_t needed = 0;
    for (std::int64_t index = 0; index < request.samples_per_task; ++index) {
      const CounterRandom random = item_random(fitted, request, index);
      needed = std::max(
          needed, fitted.cost(smallest(fitted, random, request.context_tokens), *request.counter));
    }
    if (needed <= request.context_tokens) return;
    throw InvalidArgument(
        fmt::format("suite {}: task {} needs a context of at least {} tokens, got {}", data_.name,
                    fitted.name, needed, request.context_tokens));
  }

  SuiteData data_;
  std::map<std::string, FittedTask> tasks_;
  StringMatchScorer scorer_;
};

}  // namespace

std::unique_ptr<Suite> make_ruler_synth_suite() { return std::make_unique<RulerSynthSuite>(); }

}  // namespace dsabench
