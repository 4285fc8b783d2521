#include "harness/run/sample_sets.h"

#include <fmt/format.h>

#include <set>

#include "harness/run/tokenizer_counter.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// What the entry asks of its suite. `counter` is null where there is no tokenizer.
SuiteRequest request_of(const PlanEntry& entry, const ModelConfig& config,
                        const TokenCounter* counter) {
  const Suite& suite = *entry.suite;
  if (suite.needs_text() && !counter) {
    throw InvalidArgument(fmt::format("suite {} asks in text, and {} has no tokenizer here",
                                      suite.name(), config.name));
  }
  const bool speed = suite.kind() == Suite::Kind::speed;
  SuiteRequest request;
  request.context_tokens = entry.cell.context_tokens;
  request.samples_per_task = speed ? num_prompts(entry.cell) : entry.cell.samples_per_task;
  request.seed = entry.cell.data_seed;
  request.vocab_size = config.vocab_size;
  request.decode_tokens = entry.cell.decode_tokens;
  request.tasks = entry.cell.tasks;
  request.counter = counter;
  return request;
}

std::unique_ptr<TokenizerCounter> counter_of(const Tokenizer* tokenizer) {
  return tokenizer ? std::make_unique<TokenizerCounter>(*tokenizer) : nullptr;
}

/// Cells with one key are asked the same.
std::string key(const PlanEntry& entry) {
  const Cell& cell = entry.cell;
  // The seed is the plan's, and prompts do not depend on the tokens to decode.
  return fmt::format("{}/{}/{}/{}/{}", cell.suite, cell.context_tokens, num_prompts(cell),
                     cell.samples_per_task, fmt::join(cell.tasks, ","));
}

}  // namespace

void check_samples(const SweepPlan& plan, const ModelRequest& request) {
  const ModelConfig config = resolve_model_config(request);
  const auto tokenizer = resolve_tokenizer(request, config).tokenizer;
  const auto counter = counter_of(tokenizer.get());
  std::set<std::string> checked;
  for (const PlanEntry& entry : plan.entries) {
    if (!checked.insert(key(entry)).second) continue;
    try {
      entry.suite->check(request_of(entry, config, counter.get()));
    } catch (Error& error) {
      if (!entry.origin.empty()) error.add_context(entry.origin);
      throw;
    }
  }
}

SampleSets::SampleSets(const SweepPlan& plan, const LoadedModel& model) {
  const auto counter = counter_of(model.tokenizer.get());
  for (const PlanEntry& entry : plan.entries) {
    const std::string name = key(entry);
    if (sets_.contains(name)) continue;
    sets_.emplace(name, entry.suite->samples(request_of(entry, *model.config, counter.get())));
  }
}

const std::vector<Sample>& SampleSets::of(const PlanEntry& entry) const {
  return sets_.at(key(entry));
}

}  // namespace dsabench
