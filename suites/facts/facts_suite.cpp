#include "suites/facts/facts_suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kernels/base/error.h"
#include "suite_files.h"
#include "suites/facts/notes.h"
#include "suites/facts/ordered_words_scorer.h"
#include "suites/facts/renderer.h"
#include "suites/length_fit.h"
#include "suites/suite_data.h"

namespace dsabench::facts {
namespace {

/// A problem at its places, to be written at any length.
class Item {
 public:
  Item(const NamedTask& task, const ProblemKey& key, const Renderer& renderer)
      : task_(task.name),
        renderer_(renderer),
        problem_(make_problem(task, key, {task.records, 1})),
        notes_(problem_random(task, key).stream("notes")) {
    CounterRandom draw = problem_random(task, key).stream("depths");
    depths_.resize(problem_.statements.size());
    for (std::uint32_t& depth : depths_) depth = static_cast<std::uint32_t>(draw.next() >> 32);
    std::sort(depths_.begin(), depths_.end());
  }

  const Query& query() const { return problem_.queries.front(); }

  /// What stands before the filling and the question.
  std::string facts(std::int64_t notes) const {
    std::string text(renderer_.opening());
    std::size_t stated = 0;
    for (std::int64_t note = 0; note <= notes; ++note) {
      while (stated < depths_.size() && insertion_point(depths_[stated], notes) == note) {
        renderer_.append(problem_.statements[stated++], text);
      }
      if (note < notes) renderer_.append(note_at(notes_, static_cast<std::uint64_t>(note)), text);
    }
    return text;
  }
  std::string question() const { return renderer_.question(task_, query().question); }
  std::string answer_prefix() const { return renderer_.answer_prefix(task_, query().question); }
  std::string answer() const { return renderer_.answer(query().answer); }

  std::int64_t answer_budget(const TokenCounter& counter, std::int64_t slack) const {
    return counter.count(answer()) + slack;
  }

 private:
  std::string_view task_;
  const Renderer& renderer_;
  Problem problem_;
  CounterRandom notes_;
  std::vector<std::uint32_t> depths_;  ///< of the statements
};

class FactsSuite final : public Suite {
 public:
  FactsSuite(const nlohmann::json& json, std::unique_ptr<Renderer> renderer, Split split)
      : data_(read_suite_data(json)),
        answer_slack_(json.at("answer_slack_tokens")),
        renderer_(std::move(renderer)),
        split_(split) {}

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
    for (const std::string& name : names) check_fits(find_task(name), request);
  }

  std::vector<Sample> samples(const SuiteRequest& request) const override {
    check(request);
    std::vector<Sample> samples;
    for (const std::string& name : requested_tasks(*this, request)) {
      for (std::int64_t index = 0; index < request.samples_per_task; ++index) {
        samples.push_back(sample(find_task(name), request, index));
      }
    }
    return samples;
  }

 private:
  Item item(const NamedTask& task, const SuiteRequest& request, std::int64_t index) const {
    return {task, {request.seed, split_, static_cast<std::uint64_t>(index)}, *renderer_};
  }

  Sample sample(const NamedTask& task, const SuiteRequest& request, std::int64_t index) const {
    const Item item = this->item(task, request, index);
    Sample sample;
    sample.item_id = fmt::format("{}/{}/{}", task.name, request.context_tokens, index);
    sample.task = task.name;
    sample.context_tokens = request.context_tokens;
    sample.max_new_tokens = item.answer_budget(*request.counter, answer_slack_);
    sample.answer_prefix = item.answer_prefix();
    sample.prompt =
        fit_prompt(item, *request.counter, request.context_tokens - sample.max_new_tokens);
    for (const Word word : item.query().answer) {
      sample.references.push_back(vocabulary()[word]);
    }
    return sample;
  }

  /// The prompt of at most `limit` tokens with its answer prefix: as many notes as fit, then
  /// filling.
  std::string fit_prompt(const Item& item, const TokenCounter& counter, std::int64_t limit) const {
    constexpr UnitRange kFillings{0, 64};  // more than a note has tokens
    const std::string question = item.question(), end = question + item.answer_prefix();
    const std::int64_t notes = fit_units({0, kUnboundedUnits}, limit, [&](std::int64_t count) {
      return counter.count(item.facts(count) + end);
    });
    const std::string facts = item.facts(notes);
    std::string filling;
    for (const std::string& unit : renderer_->fillings()) {
      const auto more = [&](std::int64_t count) {
        std::string text;
        for (std::int64_t i = 0; i < count; ++i) text += unit;
        return text + filling;
      };
      filling = more(fit_units(kFillings, limit, [&](std::int64_t count) {
        return counter.count(facts + more(count) + end);
      }));
    }
    return facts + filling + question;
  }

  /// The message names the smallest context in which every item of the request fits.
  void check_fits(const NamedTask& task, const SuiteRequest& request) const {
    std::int64_t needed = 0;
    for (std::int64_t index = 0; index < request.samples_per_task; ++index) {
      const Item item = this->item(task, request, index);
      const std::string smallest = item.facts(0) + item.question() + item.answer_prefix();
      needed = std::max(needed, request.counter->count(smallest) +
                                    item.answer_budget(*request.counter, answer_slack_));
    }
    if (needed <= request.context_tokens) return;
    throw InvalidArgument(
        fmt::format("suite {}: task {} needs a context of at least {} tokens, got {}", data_.name,
                    task.name, needed, request.context_tokens));
  }

  SuiteData data_;
  std::int64_t answer_slack_;
  std::unique_ptr<Renderer> renderer_;
  Split split_;
  OrderedWordsScorer scorer_;
};

}  // namespace

std::unique_ptr<Suite> make_facts_suite(Rendering rendering, Split split) {
  if (rendering == Rendering::compact) {
    return std::make_unique<FactsSuite>(
        parse_suite_json("suites/facts/compact/suite.json",
                         embedded::suite_files::facts_compact_suite_json),
        make_compact_renderer(), split);
  }
  const auto json = parse_suite_json("suites/facts/text/suite.json",
                                     embedded::suite_files::facts_text_suite_json);
  return std::make_unique<FactsSuite>(json, make_text_renderer(json), split);
}

}  // namespace dsabench::facts
