#include "harness/cli/stored_search.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "harness/cli/results_database.h"
#include "harness/cli/sweep.h"
#include "harness/run/interrupt.h"
#include "harness/run/wall_clock.h"
#include "kernels/base/error.h"
#include "kernels/cuda/device_queue.h"

namespace dsabench {
namespace {

CalibrationRequest second_questions(CalibrationRequest questions) {
  ++questions.seed;
  return questions;
}

nlohmann::json to_json(const SearchWork& work) {
  return {{"questions", work.questions},
          {"answer_tokens", work.answer_tokens},
          {"asked", work.asked},
          {"remembered", work.remembered},
          {"evaluated", work.evaluated.patterns},
          {"given_up", work.evaluated.given_up},
          {"layers_run", work.evaluated.layers_run},
          {"layers_plain", work.evaluated.layers_plain},
          {"seconds", work.seconds}};
}

std::string settings_json(const SearchPlan& plan, const Engine& engine,
                          const SearchOutcome& outcome) {
  nlohmann::json json = {
      {"suite", plan.questions.suite},
      {"suite_version", calibration_suite(plan.questions.suite).version()},
      {"tasks", plan.questions.tasks},
      {"context_tokens", plan.questions.context_tokens},
      {"samples_per_task", plan.questions.samples_per_task},
      {"calibration_seed", plan.questions.seed},
      {"second_set", plan.second_set},
      {"give_up", plan.give_up},
      {"pass_tokens", plan.pass_tokens},
      {"device_kind", engine.device().is_cpu() ? "cpu" : "cuda"},
      {"dtype", dtype_name(engine.dtype())},
      {"indexer_mode", indexer_mode_name(plan.indexer_mode)},
  };
  for (const SearchMethod& method : plan.methods) json["methods"].push_back(method.name());
  for (const SearchTarget& target : plan.targets) {
    json["retentions"].push_back(target.retention.to_string());
  }
  for (const SearchWork& work : outcome.work) json["work"].push_back(to_json(work));
  json["flip_rank_correlation"] = outcome.flip_rank_correlation
                                      ? nlohmann::json(*outcome.flip_rank_correlation)
                                      : nlohmann::json(nullptr);
  return json.dump();
}

}  // namespace

void check_search(const SearchPlan& plan, const ModelConfig& config) {
  if (plan.questions.context_tokens > config.max_positions) {
    throw InvalidArgument(fmt::format("--context: {} tokens, {} takes {}",
                                      plan.questions.context_tokens, config.name,
                                      config.max_positions));
  }
  check_calibration(plan.questions, resolve_tokenizer(plan.model, config).tokenizer.get());
}

StoredSearch search_and_store(const SearchPlan& plan, const std::string& database,
                              Progress& progress, const Invocation& invocation) {
  cuda::device_queue(plan.model.device);  // what is missing is said before anything takes time
  ResultStore store = open_for_writing(database, invocation);
  const LoadedModel model = load_and_tell(plan.model, progress);
  EngineOptions engine_options;
  engine_options.indexer_mode = plan.indexer_mode;
  Engine engine(model.config, model.weights, LayerPattern::all_full(model.config->num_layers),
                engine_options);
  RunPlan no_cells;
  no_cells.model = plan.model;
  RunRecord run = describe_run(model.identity, no_cells, invocation.command_line);
  run.plan_id = run.plan_json = "";
  run.status = kSearchStatus;
  run.started_ms = unix_milliseconds();

  const InterruptGuard guard([&progress] { progress.silence(); });
  SearchSetup setup{engine,
                    calibration_set(plan.questions, model.tokenizer.get()),
                    {},
                    plan.methods,
                    plan.targets,
                    plan.give_up,
                    plan.pass_tokens,
                    [&guard] { return guard.interrupted(); },
                    progress};
  if (plan.second_set) {
    setup.second_texts = calibration_set(second_questions(plan.questions), model.tokenizer.get());
  }
  SearchOutcome outcome = search_patterns(setup);
  run.finished_ms = unix_milliseconds();
  outcome.record.run_id = run.run_id;
  outcome.record.settings_json = settings_json(plan, engine, outcome);
  store.add_search(run, outcome.record);
  progress.message(fmt::format("{}: search {}", database, run.run_id));
  return {std::move(outcome), *model.config, model.identity.synthetic};
}

}  // namespace dsabench
