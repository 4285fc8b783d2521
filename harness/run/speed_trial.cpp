#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "harness/plan/work_estimate.h"
#include "harness/profile/device_sampler.h"
#include "harness/run/environment.h"
#include "harness/run/greedy.h"
#include "harness/run/peak_memory.h"
#include "harness/run/prompt_caches.h"
#include "harness/run/reuse_check.h"
#include "harness/run/trial.h"
#include "harness/run/verification_pass.h"

namespace dsabench {
namespace {

using Clock = std::chrono::steady_clock;

std::int64_t nanoseconds_since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
}

class SpeedTrial {
 public:
  SpeedTrial(const TrialSetup& setup, TrialRecord& record)
      : setup_(setup),
        cell_(setup.entry.cell),
        engine_(setup.engine),
        record_(record),
        reuse_(setup.entry.pattern.pattern, cell_.dense_attention, record.layer_runs),
        caches_(setup.engine, setup.samples, cell_.batch, cell_.context_tokens,
                cell_.decode_tokens),
        decoder_(setup.engine, cell_.batch) {}

  void run() {
    reset_peak_memory();
    caches_.open();
    verify();
    if (cell_.phase == Phase::decode) {
      // A device's marks would be a visible part of a step's time: a sample of its own has them.
      const bool own_stage_sample = !engine_.device().is_cpu();
      engine_.time_stages(!own_stage_sample);
      sample_until_done("decode", [this] { return decode_sample(); });
      engine_.time_stages(true);
      if (own_stage_sample) time_stages();
    } else {
      sample_until_done("prefill", [this] { return prefill_sample(); });
    }
    watch_samples();
    declare_work();
    add_metric("cache_bytes", "bytes", "exact", {engine_.cache_bytes()});
    add_metric("peak_memory", "bytes", "lower", {peak_memory_bytes()});
  }

 private:
  std::int64_t prefill_passes() const {
    return (cell_.context_tokens + cell_.chunk_tokens - 1) / cell_.chunk_tokens;
  }

  /// Runs what is to be timed once, watched, and keeps its logits and tokens for reference.
  void verify() {
    setup_.progress.step("verification");
    VerificationPass pass(engine_, setup_.model, rows_to_check());
    engine_.reset_counters();
    if (cell_.prompts == kOnePrompt) {
      share_prompt(pass.observer());
    } else {
      decoder_.prefill(caches_.prompts(), pass.observer());
      const std::span<const std::int32_t> first = decoder_.next_tokens();
      first_tokens_.assign(first.begin(), first.end());
    }
    reuse_.take(engine_, prefill_passes());
    if (cell_.phase == Phase::decode) decode_steps(pass.observer());
    pass.finish(record_);
    keep_reference();
  }

  /// Fills the batch with one prompt. Each sequence goes on from another of its tokens: from the
  /// same one all would take the same experts in every step, and read their weights alone.
  void share_prompt(ForwardObserver* observer) {
    engine_.prefill(caches_.prompts(), LogitRows::last, {}, observer);
    caches_.share();
    const std::vector<std::int32_t>& prompt = setup_.samples.front().prompt_tokens;
    for (std::size_t i = 0; i < caches_.sequences().size(); ++i) {
      first_tokens_.push_back(prompt[i % prompt.size()]);
    }
  }

  /// Of a decode cell, half of the rows are decode steps.
  std::vector<CheckedRow> rows_to_check() const {
    const std::int64_t count = VerificationPass::kRowsPerLayer;
    const bool decode = cell_.phase == Phase::decode;
    const std::vector<std::int64_t> prompts(caches_.filled().size(), cell_.context_tokens);
    std::vector<CheckedRow> rows =
        sample_rows(caches_.filled(), prompts, decode ? count / 2 : count, cell_.data_seed);
    if (!decode) return rows;
    const std::vector<std::int64_t> steps(caches_.sequences().size(), cell_.decode_tokens);
    for (CheckedRow row : sample_rows(caches_.sequences(), steps, count / 2, cell_.data_seed)) {
      row.position += cell_.context_tokens;
      rows.push_back(row);
    }
    return rows;
  }

  void keep_reference() {
    const HostView logits = decoder_.logits();
    reference_logits_ = Tensor(DType::f32, {cell_.batch, engine_.config().vocab_size});
    std::memcpy(reference_logits_.view().raw(), logits.all().raw(),
                static_cast<std::size_t>(reference_logits_.bytes()));
    reference_tokens_ = tokens_;
  }
  void compare_with_reference(const char* what) const {
    if (tokens_ != reference_tokens_) {
      throw VerificationError(fmt::format("{}: tokens differ from the verified pass", what));
    }
    const HostView logits = decoder_.logits();
    if (std::memcmp(reference_logits_.view().raw(), logits.all().raw(),
                    static_cast<std::size_t>(reference_logits_.bytes())) != 0) {
      throw VerificationError(fmt::format("{}: logits differ from the verified pass", what));
    }
  }

  std::int64_t prefill_sample() {
    caches_.open();
    engine_.reset_counters();
    if (watch_ != nullptr) watch_->begin(engine_);
    const Clock::time_point start = Clock::now();
    decoder_.prefill_logits(caches_.prompts(), nullptr);
    const std::int64_t taken = nanoseconds_since(start);
    sample_values_.assign(1, taken);
    if (watch_ != nullptr) watch_->end(engine_, sample_values_);
    reuse_.take(engine_, prefill_passes());
    compare_with_reference("prefill");
    return taken;
  }

  std::int64_t decode_sample() {
    decode_steps(nullptr);
    compare_with_reference("decode");
    return std::accumulate(sample_values_.begin(), sample_values_.end(), std::int64_t{0});
  }

  void decode_steps(ForwardObserver* observer) {
    caches_.forget_steps();
    decoder_.set_next_tokens(first_tokens_);
    sample_values_.clear();
    tokens_.clear();
    engine_.reset_counters();
    if (watch_ != nullptr) watch_->begin(engine_);
    for (std::int64_t step = 0; step < cell_.decode_tokens; ++step) {
      const Clock::time_point start = Clock::now();
      decoder_.step(caches_.sequences(), observer);
      sample_values_.push_back(nanoseconds_since(start));
      const std::span<const std::int32_t> next = decoder_.next_tokens();
      tokens_.insert(tokens_.end(), next.begin(), next.end());
    }
    if (watch_ != nullptr) watch_->end(engine_, sample_values_);
    reuse_.take(engine_, cell_.decode_tokens);
  }

  void sample_until_done(const char* phase, const std::function<std::int64_t()>& take_sample) {
    warm_up(take_sample);
    const std::unique_ptr<StoppingRule> rule = setup_.stopping_rule(setup_.limits);
    add_condition(record_.conditions_json, "stopping_rule", rule->name());
    std::vector<std::int64_t> values;
    std::optional<DeviceSampler> sampler;
    if (setup_.monitor != nullptr) sampler.emplace(*setup_.monitor);
    const Clock::time_point start = Clock::now();
    std::optional<std::string> reason;
    for (std::int64_t sample = 0; !(reason = rule->reason()); ++sample) {
      setup_.progress.step(fmt::format("sample {}", sample + 1));
      const std::int64_t taken = take_sample();
      values.insert(values.end(), sample_values_.begin(), sample_values_.end());
      record_stages(phase, sample);  // none of decode on a device
      rule->add(taken, nanoseconds_since(start));
    }
    if (sampler) record_.device_samples = sampler->finish();
    record_.stop_reason = *reason;
    const bool decode = cell_.phase == Phase::decode;
    add_metric(decode ? "decode_step" : "prefill", "ns", "lower", std::move(values));
  }

  /// One sample more, of which the stages are timed and not the steps; the first of its kind warms
  /// up.
  void time_stages() {
    setup_.progress.step("stages");
    decode_sample();
    decode_sample();
    record_stages("decode", 0);
    add_condition(record_.conditions_json, kStageSample,
                  std::accumulate(sample_values_.begin(), sample_values_.end(), std::int64_t{0}));
  }

  /// What is timed from here on is warm, and the record says so and how it came to that.
  void warm_up(const std::function<std::int64_t()>& take_sample) {
    WarmupRule warmup(setup_.limits);
    std::vector<std::int64_t> taken;
    while (!warmup.done()) {
      setup_.progress.step(fmt::format("warm-up {}", warmup.count() + 1));
      taken.push_back(take_sample());
      warmup.add(taken.back());
    }
    record_.num_warmups = warmup.count();
    add_condition(record_.conditions_json, "state", "warm");
    add_condition(record_.conditions_json, "warmup_stop", warmup.reason());
    add_condition(record_.conditions_json, "warmup_ns", taken);
  }

  /// More samples like the timed ones, each held to the verified pass too, which leave no times.
  void watch_samples() {
    if (setup_.watch == nullptr) return;
    watch_ = setup_.watch;
    for (std::int64_t i = 0; i < watch_->num_samples(); ++i) {
      setup_.progress.step(fmt::format("profiled sample {}", i + 1));
      cell_.phase == Phase::decode ? decode_sample() : prefill_sample();
    }
    watch_ = nullptr;
  }

  void record_stages(const char* phase, std::int64_t sample) {
    const StageClock& clock = engine_.stage_clock();
    for (std::int64_t layer = -1; layer < engine_.config().num_layers; ++layer) {
      for (int stage = 0; stage < kNumStages; ++stage) {
        const std::int64_t taken = clock.nanoseconds(layer, static_cast<Stage>(stage));
        if (taken == 0) continue;
        record_.stage_times.push_back(
            {phase, sample, layer, stage_name(static_cast<Stage>(stage)), taken});
      }
    }
  }

  void declare_work() {
    const MatrixWork work = declared_matrix_work(engine_.config(), cell_);
    add_metric("matrix_work", "count", "exact", {std::llround(work.flops)});
    add_metric("matrix_work_f8", "count", "exact", {std::llround(work.f8_flops)});
  }

  void add_metric(const char* name, const char* unit, const char* better,
                  std::vector<std::int64_t> values) {
    record_.metrics.push_back({name, unit, better, std::move(values)});
  }

  const TrialSetup& setup_;
  const Cell& cell_;
  Engine& engine_;
  TrialRecord& record_;
  ReuseCheck reuse_;
  PromptCaches caches_;
  GreedyDecoder decoder_;
  std::vector<std::int32_t> first_tokens_, tokens_, reference_tokens_;
  Tensor reference_logits_;
  std::vector<std::int64_t> sample_values_;  ///< timed values of the last sample
  SampleWatch* watch_ = nullptr;             ///< of the samples under way
};

}  // namespace

void run_speed_trial(const TrialSetup& setup, TrialRecord& record) {
  SpeedTrial(setup, record).run();
}

}  // namespace dsabench
