#include "harness/run/runner.h"

#include <new>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

using test::contains;
using test::message_of;
using test::ScratchFolder;

const LoadedModel& runner_model() {
  static const LoadedModel model = load_model(test::tiny_request());
  return model;
}

SweepAxes tiny_axes(const std::string& letters) {
  SweepAxes axes;
  axes.suites = {&find_suite("speed")};
  axes.contexts = {70};
  axes.patterns = choose_patterns(*runner_model().config, {letters}, {}, std::nullopt);
  axes.chunk_tokens = 32;
  axes.decode_tokens = 4;
  return axes;
}

RunOptions quick_options() {
  RunOptions options;
  options.limits.min_samples = 2;
  options.limits.max_samples = 2;
  options.limits.max_warmups = 1;
  return options;
}

struct Outcome {
  RunSummary summary;
  RunResults results;
};

Outcome run_plan(const SweepPlan& plan, RunOptions options) {
  const ScratchFolder folder;
  ResultStore store = ResultStore::open(folder / "runs.db", ResultStore::Mode::read_write);
  std::ostringstream err;
  const auto progress = make_progress(ProgressMode::plain, err, {});
  RunRecord run;
  run.machine_json = run.build_json = run.model_json = "{}";
  Runner runner(runner_model(), store, *progress, std::move(options));
  Outcome outcome;
  outcome.summary = runner.run(run, plan);
  outcome.results = store.load_run(outcome.summary.run_id);
  return outcome;
}

Outcome run_axes(const SweepAxes& axes, RunOptions options) {
  return run_plan(make_sweep_plan(*runner_model().config, axes), std::move(options));
}

const MetricSamples* find_metric(const TrialRecord& trial, const std::string& name) {
  for (const MetricSamples& metric : trial.metrics) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

TEST_CASE("a cell with the fp8 cache is measured and verified, in less memory") {
  SweepAxes axes = tiny_axes("FSF");
  axes.cache_formats = {CacheFormat::activations, CacheFormat::fp8};
  axes.phases = {Phase::decode};
  const Outcome outcome = run_axes(axes, quick_options());
  CHECK(outcome.summary.num_ok == 2);
  REQUIRE(outcome.results.trials.size() == 2);
  const auto bytes = [&](std::size_t i) {
    return find_metric(outcome.results.trials[i], "cache_bytes")->values.at(0);
  };
  CHECK(bytes(1) < bytes(0));
}

TEST_CASE("prefill and decode are measured, verified and proved to reuse") {
  SweepAxes axes = tiny_axes("FSF");
  axes.batches = {1, 2};
  const Outcome outcome = run_axes(axes, quick_options());
  CHECK(outcome.summary.status == "done");
  CHECK(outcome.summary.num_ok == 4);
  CHECK(outcome.results.run.status == "done");
  CHECK(outcome.results.run.finished_ms >= outcome.results.run.started_ms);
  REQUIRE(outcome.results.trials.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    const TrialRecord& trial = outcome.results.trials[i];
    const bool decode = i % 2 == 1;
    CAPTURE(i, trial.reason);
    CHECK(trial.outcome == TrialOutcome::ok);
    CHECK(trial.stop_reason == "count");
    CHECK(trial.num_warmups == 1);
    const MetricSamples* times = find_metric(trial, decode ? "decode_step" : "prefill");
    REQUIRE(times != nullptr);
    CHECK(times->values.size() == (decode ? 8u : 2u));
    for (const std::int64_t ns : times->values) CHECK(ns > 0);
    CHECK(find_metric(trial, "cache_bytes")->values.at(0) > 0);
    CHECK(find_metric(trial, "peak_memory")->values.at(0) > 0);
    CHECK(contains(trial.verification_json, R"("passed":true)"));
    const auto conditions = nlohmann::json::parse(trial.conditions_json);
    CHECK(conditions.at("state") == "warm");
    CHECK(conditions.at("stopping_rule") == "median_noise");
    CHECK(conditions.at("warmup_stop") == "count");
    CHECK(conditions.at("warmup_ns").size() == 1);
    CHECK(conditions.at("limits").at("max_samples") == 2);
    // Passes: one verified, one warm-up, two samples of 70 tokens in chunks of 32; decode adds its
    // steps to one prefill.
    const std::int64_t passes = decode ? 3 + 4 * 4 : 4 * 3;
    REQUIRE(trial.layer_runs.size() == 3);
    for (const LayerRuns& layer : trial.layer_runs) {
      CHECK(layer.runs == layer.expected);
      CHECK(layer.expected == (layer.layer == 1 ? 0 : passes));
    }
  }
}

TEST_CASE("stage times of a sample add up to no more than its time") {
  const Outcome outcome = run_axes(tiny_axes("FSS"), quick_options());
  const TrialRecord& trial = outcome.results.trials.at(0);
  std::vector<std::int64_t> sums(2, 0);
  std::int64_t shared_indexer = 0, full_indexer = 0;
  for (const StageTime& time : trial.stage_times) {
    CHECK(time.metric == "prefill");
    sums.at(static_cast<std::size_t>(time.sample)) += time.nanoseconds;
    if (time.stage != "indexer_score") continue;
    (time.layer == 0 ? full_indexer : shared_indexer) += time.nanoseconds;
  }
  const MetricSamples* times = find_metric(trial, "prefill");
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(sums[i] > 0);
    CHECK(sums[i] <= times->values.at(i));
  }
  CHECK(full_indexer > 0);
  CHECK(shared_indexer == 0);
}

TEST_CASE("an engine that runs indexers on Shared layers is incorrect, and the layer is named") {
  RunOptions options = quick_options();
  options.engine_factory = [](const LoadedModel& model, const PlanEntry& entry) {
    EngineOptions engine_options;
    engine_options.chunk_tokens = entry.cell.chunk_tokens;
    return std::make_unique<Engine>(model.config, model.weights, LayerPattern::all_full(3),
                                    engine_options);
  };
  const Outcome outcome = run_axes(tiny_axes("FFS"), std::move(options));
  CHECK(outcome.summary.num_incorrect == 2);
  for (const TrialRecord& trial : outcome.results.trials) {
    CHECK(trial.outcome == TrialOutcome::incorrect);
    CHECK(contains(trial.reason, "layer 2 (Shared)"));
    CHECK(trial.layer_runs.at(2).runs > trial.layer_runs.at(2).expected);
    CHECK(find_metric(trial, "prefill") == nullptr);
  }
}

TEST_CASE("an engine that runs other chunks than the cell says is incorrect") {
  RunOptions options = quick_options();
  options.engine_factory = [](const LoadedModel& model, const PlanEntry& entry) {
    EngineOptions engine_options;
    engine_options.chunk_tokens = 2 * entry.cell.chunk_tokens;
    return std::make_unique<Engine>(model.config, model.weights, entry.pattern.pattern,
                                    engine_options);
  };
  const Outcome outcome = run_axes(tiny_axes("FFS"), std::move(options));
  CHECK(outcome.summary.num_incorrect == 2);
  CHECK(contains(outcome.results.trials.at(0).reason, "forward passes"));
}

TEST_CASE("a trial that throws is a failed outcome and the run goes on") {
  RunOptions options = quick_options();
  int calls = 0;
  options.engine_factory = [&calls](const LoadedModel& model, const PlanEntry& entry) {
    ++calls;
    if (calls == 1) throw OutOfMemory("cannot allocate 123 bytes", 123);
    if (calls == 2) throw std::bad_alloc();
    if (calls == 3) throw InvalidArgument("no such thing");
    return make_engine(model, entry);
  };
  options.repeats = 2;
  const Outcome outcome = run_axes(tiny_axes("FSS"), std::move(options));
  CHECK(outcome.summary.num_failed == 3);
  CHECK(outcome.summary.num_ok == 1);
  REQUIRE(outcome.results.trials.size() == 4);
  CHECK(outcome.results.trials[0].reason == "out of memory: cannot allocate 123 bytes");
  CHECK(contains(outcome.results.trials[1].reason, "out of memory"));
  CHECK(outcome.results.trials[2].reason == "no such thing");
  CHECK(outcome.results.trials[3].outcome == TrialOutcome::ok);
  CHECK(outcome.results.trials[3].repeat == 1);
}

TEST_CASE("an interrupt lets the running trial finish and stops the run") {
  RunOptions options = quick_options();
  int asked = 0;
  options.interrupted = [&asked] { return ++asked > 1; };
  const Outcome outcome = run_axes(tiny_axes("FSS"), std::move(options));
  CHECK(outcome.summary.status == "interrupted");
  CHECK(outcome.results.run.status == "interrupted");
  CHECK(outcome.results.trials.size() == 1);
  CHECK(outcome.results.plan.size() == 2);
}

TEST_CASE("questions are answered and scored, the same on every run") {
  SweepAxes axes = tiny_axes("FSS");
  axes.suites = {&find_suite("ruler-synth")};
  axes.tasks = {"vt"};
  axes.contexts = {1024};
  axes.samples_per_task = 2;
  axes.chunk_tokens = 256;
  const Outcome first = run_axes(axes, quick_options());
  const Outcome second = run_axes(axes, quick_options());
  REQUIRE(first.summary.num_ok == 1);
  const TrialRecord& trial = first.results.trials.at(0);
  REQUIRE(trial.answers.size() == 2);
  CHECK(contains(trial.verification_json, R"("passed":true)"));
  for (std::size_t i = 0; i < 2; ++i) {
    const AnswerRecord& answer = trial.answers[i];
    CHECK(answer.task == "vt");
    CHECK(answer.output_tokens > 0);
    CHECK(answer.prompt_tokens + answer.output_tokens <= 1024);
    CHECK(answer.prompt_hash.size() == 32);
    CHECK(answer.output == second.results.trials.at(0).answers.at(i).output);
  }
  CHECK(trial.answers[0].prompt_hash != trial.answers[1].prompt_hash);
}

TEST_CASE("what does not fit the model is refused before anything is written") {
  SweepAxes axes = tiny_axes("FSS");
  axes.suites = {&find_suite("ruler-synth")};
  axes.contexts = {16};
  CHECK(contains(message_of<InvalidArgument>([&] { run_axes(axes, quick_options()); }), "16"));
  RunOptions wrong = quick_options();
  wrong.repeats = 0;
  CHECK(contains(message_of<InvalidArgument>([&] { run_axes(tiny_axes("FSS"), wrong); }),
                 "--repeat"));
}

TEST_CASE("dense attention runs no indexer and passes its own check") {
  SweepAxes axes = tiny_axes("FFF");
  axes.dense_attention = true;
  const Outcome outcome = run_axes(axes, quick_options());
  CAPTURE(outcome.results.trials.at(0).reason);
  CHECK(outcome.summary.num_ok == 2);
  for (const LayerRuns& layer : outcome.results.trials.at(0).layer_runs) CHECK(layer.runs == 0);
}

}  // namespace
}  // namespace dsabench
