#include "harness/run/calibration_set.h"

#include <fmt/format.h>

#include <array>
#include <memory>

#include "harness/run/tokenizer_counter.h"
#include "kernels/base/error.h"
#include "suites/facts/facts_suite.h"

namespace dsabench {
namespace {

/// Null for a suite without the split.
const Suite* split_suite(const std::string& name) {
  using facts::make_facts_suite;
  using facts::Rendering;
  using facts::Split;
  static const std::array<std::unique_ptr<Suite>, 2> suites{
      make_facts_suite(Rendering::compact, Split::calibration),
      make_facts_suite(Rendering::text, Split::calibration)};
  for (const auto& suite : suites) {
    if (suite->name() == name) return suite.get();
  }
  return nullptr;
}

SuiteRequest request_of(const CalibrationRequest& request, const TokenCounter& counter) {
  SuiteRequest made;
  made.context_tokens = request.context_tokens;
  made.samples_per_task = request.samples_per_task;
  made.seed = request.seed;
  made.tasks = request.tasks;
  made.counter = &counter;
  return made;
}

TokenizerCounter counter_of(const CalibrationRequest& request, const Tokenizer* tokenizer) {
  if (tokenizer != nullptr) return TokenizerCounter(*tokenizer);
  throw InvalidArgument(
      fmt::format("suite {} asks in text, and the model has no tokenizer here", request.suite));
}

CalibrationText text_of(const Sample& sample, const Tokenizer& tokenizer) {
  CalibrationText text{tokenizer.encode(sample.prompt + sample.answer_prefix), 0};
  std::string answer;
  for (const std::string& reference : sample.references) answer += " " + reference;
  const std::vector<std::int32_t> tokens = tokenizer.encode(answer);
  text.tokens.insert(text.tokens.end(), tokens.begin(), tokens.end());
  text.num_answer = std::ssize(tokens);
  return text;
}

}  // namespace

const Suite& calibration_suite(const std::string& name) {
  const Suite* split = split_suite(name);
  const Suite& suite = split != nullptr ? *split : find_suite(name);
  if (suite.kind() != Suite::Kind::quality) {
    throw InvalidArgument(fmt::format("--suite: {} asks no questions", name));
  }
  return suite;
}

bool has_calibration_split(const std::string& name) { return split_suite(name) != nullptr; }

void check_calibration(const CalibrationRequest& request, const Tokenizer* tokenizer) {
  const Suite& suite = calibration_suite(request.suite);
  suite.check(request_of(request, counter_of(request, tokenizer)));
}

std::vector<CalibrationText> calibration_set(const CalibrationRequest& request,
                                             const Tokenizer* tokenizer) {
  const Suite& suite = calibration_suite(request.suite);
  const TokenizerCounter counter = counter_of(request, tokenizer);
  std::vector<CalibrationText> texts;
  for (const Sample& sample : suite.samples(request_of(request, counter))) {
    texts.push_back(text_of(sample, *tokenizer));
  }
  return texts;
}

}  // namespace dsabench
