#include "harness/run/sample_sets.h"

#include <fmt/format.h>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

class TokenizerCounter final : public TokenCounter {
 public:
  explicit TokenizerCounter(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  std::int64_t count(std::string_view text) const override {
    return static_cast<std::int64_t>(tokenizer_.encode(text).size());
  }

 private:
  const Tokenizer& tokenizer_;
};

std::vector<Sample> make_samples(const PlanEntry& entry, const LoadedModel& model) {
  const Suite& suite = *entry.suite;
  std::unique_ptr<TokenizerCounter> counter;
  if (model.tokenizer) counter = std::make_unique<TokenizerCounter>(*model.tokenizer);
  if (suite.needs_text() && !counter) {
    throw InvalidArgument(fmt::format("suite {} asks in text, and {} has no tokenizer here",
                                      suite.name(), model.config->name));
  }
  const bool speed = suite.kind() == Suite::Kind::speed;
  SuiteRequest request;
  request.context_tokens = entry.cell.context_tokens;
  request.samples_per_task = speed ? entry.cell.batch : entry.cell.samples_per_task;
  request.seed = entry.cell.data_seed;
  request.vocab_size = model.config->vocab_size;
  request.decode_tokens = entry.cell.decode_tokens;
  request.tasks = entry.cell.tasks;
  request.counter = counter.get();
  return suite.samples(request);
}

}  // namespace

SampleSets::SampleSets(const SweepPlan& plan, const LoadedModel& model) {
  for (const PlanEntry& entry : plan.entries) {
    const std::string name = key(entry);
    if (!sets_.contains(name)) sets_.emplace(name, make_samples(entry, model));
  }
}

const std::vector<Sample>& SampleSets::of(const PlanEntry& entry) const {
  return sets_.at(key(entry));
}

std::string SampleSets::key(const PlanEntry& entry) {
  const Cell& cell = entry.cell;
  // The seed is the plan's, and prompts do not depend on the tokens to decode.
  return fmt::format("{}/{}/{}/{}/{}", cell.suite, cell.context_tokens, cell.batch,
                     cell.samples_per_task, fmt::join(cell.tasks, ","));
}

}  // namespace dsabench
