#include "harness/run/golden_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/engine.h"
#include "harness/run/golden_reference.h"

namespace dsabench {
namespace {

constexpr double kLogitTolerance = 2e-4;
constexpr float kMarginTolerance = 5e-5f;
constexpr std::size_t kMaxRemarks = 20;

/// Keeps the index sets of a one-shot prefill and the smallest margin of every pass.
class SelectionRecorder final : public ForwardObserver {
 public:
  std::vector<std::vector<std::int32_t>> layers;  ///< per layer [rows * k]
  std::vector<std::vector<float>> margins;  ///< per layer [rows]; a Shared layer has its source's
  float smallest_margin = std::numeric_limits<float>::infinity();

  void on_forward(std::span<const ForwardRows>, HostView) override {
    layers.clear();
    margins.clear();
    smallest_margin = std::numeric_limits<float>::infinity();
  }
  void on_layer(const LayerTrace& trace) override {
    const auto* indices = trace.indices.all().data<std::int32_t>();
    layers.emplace_back(indices, indices + trace.indices.num_elements());
    if (trace.margins.empty()) {
      margins.push_back(margins.back());  // layer 0 is Full
      return;
    }
    const auto* values = trace.margins.all().data<float>();
    margins.emplace_back(values, values + trace.margins.num_elements());
    for (const float margin : margins.back()) {
      if (!(margin >= smallest_margin)) smallest_margin = margin;
    }
  }
  void on_final_norm(HostView) override {}
};

class GoldenRun {
 public:
  GoldenRun(const LoadedModel& model, Engine& engine, GoldenReport& report)
      : vocab_(model.config->vocab_size), engine_(engine), report_(report) {}

  void check(const GoldenPrompt& prompt) {
    check_fit(prompt);
    const auto length = static_cast<std::int64_t>(prompt.input_ids.size());
    const auto steps = static_cast<std::int64_t>(prompt.generated.size());
    const std::int64_t sequence = engine_.add_sequence(length + steps);
    Tensor logits(DType::f32, {length, vocab_});
    logits.poison();
    SelectionRecorder recorder;
    const SequenceTokens input{sequence, prompt.input_ids};
    engine_.forward({&input, 1}, LogitRows::all, logits, &recorder);
    if (!prompt.logits.empty()) {
      report_.max_abs_logit_diff = std::max(
          report_.max_abs_logit_diff.value_or(0.0),
          largest_difference(logits.data<float>(), prompt.logits.data(), prompt.logits.size()));
    }
    const bool diverged = check_topk(prompt, recorder);
    if (steps > 0) check_decode(prompt, sequence, logits, diverged);
    engine_.remove_sequence(sequence);
  }

  void finish() {
    if (picks_ > 0) report_.topk_recall = double(common_picks_) / double(picks_);
    if (tokens_ > 0) report_.token_agreement = double(equal_tokens_) / double(tokens_);
  }

 private:
  void check_fit(const GoldenPrompt& prompt) const {
    if (prompt.vocab > 0 && prompt.vocab != vocab_) {
      throw InvalidArgument(fmt::format("{}: logits of {} tokens, the model's vocabulary has {}",
                                        prompt.name, prompt.vocab, vocab_));
    }
    if (prompt.layers > 0 && prompt.layers != engine_.pattern().num_layers()) {
      throw InvalidArgument(fmt::format("{}.topk: {} layers, the model has {}", prompt.name,
                                        prompt.layers, engine_.pattern().num_layers()));
    }
  }

  /// Infinite where either side is not a number.
  static double largest_difference(const float* ours, const float* theirs, std::size_t count) {
    double largest = 0.0;
    for (std::size_t i = 0; i < count; ++i) {
      const double difference = std::fabs(static_cast<double>(ours[i]) - theirs[i]);
      if (!(difference <= largest)) largest = difference;
      if (std::isnan(largest)) return std::numeric_limits<double>::infinity();
    }
    return largest;
  }

  static std::vector<std::int32_t> sorted_set(const std::int32_t* row, std::int64_t top_k) {
    std::vector<std::int32_t> set;
    std::copy_if(row, row + top_k, std::back_inserter(set), [](std::int32_t i) { return i >= 0; });
    std::sort(set.begin(), set.end());
    return set;
  }

  /// Returns whether some set differs, excused or not: what follows it need not agree.
  bool check_topk(const GoldenPrompt& prompt, const SelectionRecorder& recorder) {
    bool diverged = false;
    if (prompt.topk.empty()) return diverged;
    const auto length = static_cast<std::int64_t>(prompt.input_ids.size());
    const std::int64_t our_k = engine_.config().index_top_k;
    for (std::int64_t layer = 0; layer < prompt.layers; ++layer) {
      const auto at_layer = static_cast<std::size_t>(layer);
      for (std::int64_t row = 0; row < length; ++row) {
        const std::int64_t at = layer * length + row;
        ++report_.topk_rows_checked;
        const auto expected = sorted_set(prompt.topk.data() + at * prompt.top_k, prompt.top_k);
        const auto actual = sorted_set(recorder.layers[at_layer].data() + row * our_k, our_k);
        std::vector<std::int32_t> common;
        std::set_intersection(expected.begin(), expected.end(), actual.begin(), actual.end(),
                              std::back_inserter(common));
        picks_ += std::ssize(expected);
        common_picks_ += std::ssize(common);
        if (expected == actual) continue;
        diverged = true;
        const float margin = prompt.topk_margin.empty()
                                 ? recorder.margins[at_layer][static_cast<std::size_t>(row)]
                                 : prompt.topk_margin[static_cast<std::size_t>(at)];
        if (margin <= kMarginTolerance) {
          ++report_.topk_rows_excused;
          continue;
        }
        ++report_.topk_rows_mismatched;
        remark(fmt::format("{}: index set of layer {} position {} differs at margin {:.3g}",
                           prompt.name, layer, row, margin));
      }
    }
    return diverged;
  }

  void check_decode(const GoldenPrompt& prompt, std::int64_t sequence, const Tensor& prefill_logits,
                    bool excused) {
    bool equal = report_.decode_tokens_equal.value_or(true);
    const auto judge = [&](std::size_t step, const float* logits) {
      const std::int64_t token = std::max_element(logits, logits + vocab_) - logits;
      ++tokens_;
      if (token == prompt.generated[step]) {
        ++equal_tokens_;
        return;
      }
      remark(fmt::format("{}: step {} gives token {}, reference {}{}", prompt.name, step, token,
                         prompt.generated[step],
                         excused ? " (after a selection margin below the tolerance)" : ""));
      if (!excused) equal = false;
    };
    judge(0, prefill_logits.data<float>() + (prefill_logits.dim(0) - 1) * vocab_);
    Tensor logits(DType::f32, {1, vocab_});
    SelectionRecorder recorder;
    for (std::size_t step = 0; step + 1 < prompt.generated.size(); ++step) {
      logits.poison();
      const std::int32_t token = prompt.generated[step];
      engine_.decode({&sequence, 1}, {&token, 1}, logits, &recorder);
      if (!excused && recorder.smallest_margin < kMarginTolerance) {
        excused = true;
        remark(fmt::format("{}: selection margin {:.3g} at decode step {}: not judged from there",
                           prompt.name, recorder.smallest_margin, step));
      }
      if (!prompt.decode_logits.empty() && !excused) {
        const double difference = largest_difference(
            logits.data<float>(),
            prompt.decode_logits.data() + step * static_cast<std::size_t>(vocab_),
            static_cast<std::size_t>(vocab_));
        report_.max_abs_decode_logit_diff =
            std::max(report_.max_abs_decode_logit_diff.value_or(0.0), difference);
      }
      judge(step + 1, logits.data<float>());
    }
    report_.decode_tokens_equal = equal;
  }

  void remark(std::string text) {
    if (report_.remarks.size() < kMaxRemarks) report_.remarks.push_back(std::move(text));
  }

  std::int64_t vocab_;
  Engine& engine_;
  GoldenReport& report_;
  std::int64_t picks_ = 0, common_picks_ = 0, tokens_ = 0, equal_tokens_ = 0;
};

}  // namespace

GoldenReport check_against_golden(const LoadedModel& model, const std::string& golden_directory,
                                  Dialect dialect) {
  const GoldenReference reference = load_golden_reference(golden_directory);
  EngineOptions options;
  options.indexer_rope = reference.indexer_rope;
  options.latent_norm_eps = reference.latent_norm_eps;
  Engine engine(model.config, model.weights, LayerPattern::from_config(*model.config, dialect),
                options);
  GoldenReport report;
  report.model = model.config->name;
  report.skipped = reference.missing;
  report.remarks = model.weights->not_finite;
  GoldenRun run(model, engine, report);
  for (const GoldenPrompt& prompt : reference.prompts) run.check(prompt);
  run.finish();
  if (!report.max_abs_logit_diff && report.topk_rows_checked == 0 && !report.decode_tokens_equal) {
    throw InvalidArgument(golden_directory + ": the reference has nothing to compare with");
  }
  report.judged = engine.dtype() == DType::f32;
  if (!report.judged) {
    if (report.token_agreement) report.decode_tokens_equal = *report.token_agreement == 1.0;
    report.pass = model.weights->not_finite.empty() &&
                  std::isfinite(report.max_abs_logit_diff.value_or(0.0)) &&
                  std::isfinite(report.max_abs_decode_logit_diff.value_or(0.0));
    return report;
  }
  report.pass = model.weights->not_finite.empty() &&
                (!report.max_abs_logit_diff || *report.max_abs_logit_diff <= kLogitTolerance) &&
                report.topk_rows_mismatched == 0 && report.decode_tokens_equal.value_or(true);
  return report;
}

}  // namespace dsabench
