#include "train/trainer.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>

#include "kernels/base/error.h"
#include "train/stage_step.h"

namespace dsabench::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string stage_folder(const std::string& folder, const Stage& stage) {
  return folder + "/" + stage.name;
}

Parameters first_parameters(const Plan& plan, const Stage& stage, const TrainingOptions& options) {
  if (stage.from.empty()) return random_parameters(plan.config, plan.seed, options.device);
  return finished_parameters(plan, plan.stage_index(stage.from), options.folder, options.device);
}

/// The lines of a stage's steps, each once however often it was gone on with.
class StepLog {
 public:
  /// Drops lines of steps after `done`, which are about to be taken again.
  StepLog(const std::string& path, std::int64_t done) {
    std::string kept;
    std::ifstream before(path);
    for (std::string line; std::getline(before, line);) {
      const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (json.is_object() && json.value("step", done + 1) <= done) kept += line + "\n";
    }
    before.close();
    file_.open(path, std::ios::trunc);
    file_ << kept << std::flush;
    if (!file_) throw IoError(fmt::format("cannot write {}", path));
  }
  void add(const StepReport& report) { file_ << report.to_json() << '\n' << std::flush; }

 private:
  std::ofstream file_;
};

/// A stage between its steps.
class StageRun {
 public:
  StageRun(const Plan& plan, std::size_t stage, const TrainingOptions& options,
           Checkpoint checkpoint, bool resumed)
      : plan_(plan),
        stage_index_(stage),
        stage_(plan.stages[stage]),
        options_(options),
        done_(checkpoint.step),
        step_(plan.config, stage_, std::move(checkpoint), resumed, options.precision) {
    prepare_next();
  }

  std::int64_t done() const { return done_; }
  bool finished() const { return done_ >= stage_.learning_rate.steps; }

  void save() {
    save_checkpoint(stage_folder(options_.folder, stage_), plan_, stage_index_,
                    {done_, step_.parameters(), step_.save_optimizer()});
  }

  StepReport step() {
    const auto start = Clock::now();
    const Batch batch = next_.get();
    if (done_ + 1 < stage_.learning_rate.steps) prepare_next();
    StepReport report;
    report.step = done_ + 1;
    report.length = batch.level->length;
    report.records = batch.level->records;
    report.learning_rate = stage_.learning_rate.at(done_);
    take(step_.run(batch, report.learning_rate), report);
    ++done_;
    report.seconds = seconds_since(start);
    return report;
  }

 private:
  /// The next step's sequences are made while this one runs.
  void prepare_next() {
    next_ = std::async(std::launch::async, [this, step = next_step_++] {
      return make_batch(plan_, stage_index_, step);
    });
  }

  void take(const StepOutcome& outcome, StepReport& report) const {
    const auto finite = [&](const char* what, double value) {
      if (std::isfinite(value)) return value;
      throw VerificationError(
          fmt::format("stage {}, step {}: the {} is {}", stage_.name, report.step, what, value));
    };
    if (stage_.model_learns) {
      report.language_loss = finite("language loss", outcome.language_loss);
      report.accuracy = outcome.accuracy;
      if (std::isfinite(outcome.busiest_expert)) report.busiest_expert = outcome.busiest_expert;
    }
    if (stage_.indexers_learn) report.indexer_loss = finite("indexers' loss", outcome.indexer_loss);
    report.gradient_norm = finite("gradient's norm", outcome.gradient_norm);
  }

  const Plan& plan_;
  std::size_t stage_index_;
  const Stage& stage_;
  const TrainingOptions& options_;
  std::int64_t done_, next_step_ = done_;
  StageStep step_;
  std::future<Batch> next_;
};

/// Where the step fails, a checkpoint of the very parameters it failed with is no good.
StepReport good_step(StageRun& run, const std::string& folder) {
  try {
    return run.step();
  } catch (VerificationError& error) {
    discard_checkpoint(folder, run.done());
    const auto good = newest_checkpoint(folder);
    error.add_context(good ? "the last good checkpoint is " + *good : "there is no checkpoint");
    throw;
  }
}

StageRun open_stage(const Plan& plan, std::size_t stage, const TrainingOptions& options) {
  const std::string folder = stage_folder(options.folder, plan.stages[stage]);
  if (const auto path = newest_checkpoint(folder)) {
    return {plan, stage, options, load_checkpoint(*path, plan, stage, options.device), true};
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw IoError(fmt::format("cannot make the folder {}: {}", folder, error.message()));
  Checkpoint first;
  first.parameters = first_parameters(plan, plan.stages[stage], options);
  return {plan, stage, options, std::move(first), false};
}

}  // namespace

std::string StepReport::to_json() const {
  nlohmann::ordered_json json = {{"step", step},
                                 {"length", length},
                                 {"records", records},
                                 {"learning_rate", learning_rate},
                                 {"gradient_norm", gradient_norm}};
  const auto add = [&json](const char* key, const std::optional<double>& value) {
    if (value) json[key] = *value;
  };
  add("language_loss", language_loss);
  add("accuracy", accuracy);
  add("indexer_loss", indexer_loss);
  add("busiest_expert", busiest_expert);
  json["seconds"] = seconds;
  return json.dump();
}

Parameters finished_parameters(const Plan& plan, std::size_t stage, const std::string& folder,
                               const at::Device& device) {
  const Stage& wanted = plan.stages[stage];
  const auto path = newest_checkpoint(stage_folder(folder, wanted));
  if (!path) {
    throw InvalidArgument(fmt::format("stage {} has not begun in {}", wanted.name, folder));
  }
  return load_finished(*path, plan, stage, device);
}

void import_stage(const Plan& plan, const std::string& stage, const std::string& folder,
                  const std::string& model) {
  const std::size_t index = plan.stage_index(stage);
  import_model(stage_folder(folder, plan.stages[index]), plan, index, model);
}

StageEnd train_stage(const Plan& plan, const std::string& name, const TrainingOptions& options) {
  const auto start = Clock::now();
  const std::size_t index = plan.stage_index(name);
  const Stage& stage = plan.stages[index];
  const auto newest = newest_checkpoint(stage_folder(options.folder, stage));
  if (newest && is_finished(*newest, plan, index)) return StageEnd::finished;
  StageRun run = open_stage(plan, index, options);
  StepLog log(stage_folder(options.folder, stage) + "/log.jsonl", run.done());
  std::int64_t saved = run.done();
  const auto save = [&] {
    if (saved < run.done()) run.save();
    saved = run.done();
  };
  while (!run.finished()) {
    const StepReport report = good_step(run, stage_folder(options.folder, stage));
    log.add(report);
    if (options.report) options.report(report);
    if (options.interrupted && options.interrupted()) {
      save();
      return StageEnd::interrupted;
    }
    if (options.time_limit_s && seconds_since(start) >= *options.time_limit_s) {
      save();
      return run.finished() ? StageEnd::finished : StageEnd::out_of_time;
    }
    if (run.done() % stage.checkpoint_every == 0) save();
  }
  save();
  return StageEnd::finished;
}

}  // namespace dsabench::train
