#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "harness/run/environment.h"
#include "harness/run/greedy.h"
#include "harness/run/peak_memory.h"
#include "harness/run/reuse_check.h"
#include "harness/run/trial.h"
#include "harness/run/verification_pass.h"
#include "results/identity.h"

namespace dsabench {
namespace {

/// What a model may say that its tokenizer cannot spell: entries of the vocabulary beyond it.
constexpr const char* kReplacement = "\xEF\xBF\xBD";

class QualityTrial {
 public:
  QualityTrial(const TrialSetup& setup, TrialRecord& record)
      : setup_(setup),
        engine_(setup.engine),
        tokenizer_(*setup.model.tokenizer),
        record_(record),
        reuse_(setup.entry.pattern.pattern, setup.entry.cell.dense_attention, record.layer_runs),
        decoder_(setup.engine, 1) {}

  void run() {
    reset_peak_memory();
    // Nothing is timed, so nothing is warmed up.
    add_condition(record_.conditions_json, "state", "cold");
    const Scorer& scorer = *setup_.entry.suite->scorer();
    std::int64_t largest_cache = 0;
    for (const Sample& sample : setup_.samples) {
      setup_.progress.step(
          fmt::format("question {} of {}", record_.answers.size() + 1, setup_.samples.size()));
      AnswerRecord answer = ask(sample);
      answer.score = scorer.score(sample, answer.output);
      record_.answers.push_back(std::move(answer));
      largest_cache = std::max(largest_cache, engine_.cache_bytes());
      engine_.remove_sequence(sequence_);
    }
    record_.stop_reason = "count";
    record_.metrics.push_back({"cache_bytes", "bytes", "exact", {largest_cache}});
    record_.metrics.push_back({"peak_memory", "bytes", "lower", {peak_memory_bytes()}});
  }

 private:
  AnswerRecord ask(const Sample& sample) {
    const std::string text = sample.prompt + sample.answer_prefix;
    const std::vector<std::int32_t> prompt = tokenizer_.encode(text);
    AnswerRecord answer;
    answer.item_id = sample.item_id;
    answer.task = sample.task;
    answer.prompt_hash = content_hash(text);
    answer.prompt_tokens = std::ssize(prompt);

    sequence_ = engine_.add_sequence(answer.prompt_tokens + sample.max_new_tokens);
    prefill(prompt);
    generate(sample.max_new_tokens, answer);
    return answer;
  }

  void prefill(const std::vector<std::int32_t>& prompt) {
    const SequenceTokens entry{sequence_, prompt};
    const std::int64_t chunk = setup_.entry.cell.chunk_tokens;
    const std::int64_t passes = (std::ssize(prompt) + chunk - 1) / chunk;
    engine_.reset_counters();
    if (!record_.answers.empty()) {
      decoder_.prefill({&entry, 1}, nullptr);
      reuse_.take(engine_, passes);
      return;
    }
    const std::int64_t length = std::ssize(prompt);
    VerificationPass pass(
        engine_, setup_.model,
        sample_rows({&sequence_, 1}, {&length, 1}, VerificationPass::kRowsPerLayer,
                    setup_.entry.cell.data_seed));
    decoder_.prefill({&entry, 1}, pass.observer());
    reuse_.take(engine_, passes);
    pass.finish(record_);
  }

  void generate(std::int64_t max_new_tokens, AnswerRecord& answer) {
    const std::vector<std::int64_t>& stops = setup_.model.config->eos_token_ids;
    answer.finish = "length";
    std::int64_t steps = 0;
    std::vector<std::int32_t> output;
    engine_.reset_counters();
    while (answer.output_tokens < max_new_tokens) {
      const std::int32_t token = decoder_.next_tokens()[0];
      if (std::find(stops.begin(), stops.end(), token) != stops.end()) {
        answer.finish = "stop";
        break;
      }
      ++answer.output_tokens;
      output.push_back(token);
      if (answer.output_tokens == max_new_tokens) break;
      decoder_.step({&sequence_, 1}, nullptr);
      ++steps;
    }
    reuse_.take(engine_, steps);
    answer.output = spell(output);
  }

  std::string spell(std::span<const std::int32_t> tokens) const {
    const auto is_known = [this](std::int32_t token) { return token < tokenizer_.vocab_size(); };
    std::string text;
    while (!tokens.empty()) {
      const auto known = static_cast<std::size_t>(
          std::find_if_not(tokens.begin(), tokens.end(), is_known) - tokens.begin());
      text += tokenizer_.decode(tokens.first(known));
      if (known == tokens.size()) break;
      text += kReplacement;
      tokens = tokens.subspan(known + 1);
    }
    return text;
  }

  const TrialSetup& setup_;
  Engine& engine_;
  const Tokenizer& tokenizer_;
  TrialRecord& record_;
  ReuseCheck reuse_;
  GreedyDecoder decoder_;
  std::int64_t sequence_ = 0;
};

}  // namespace

void run_quality_trial(const TrialSetup& setup, TrialRecord& record) {
  QualityTrial(setup, record).run();
}

}  // namespace dsabench
