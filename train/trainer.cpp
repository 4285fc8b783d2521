#include "train/trainer.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>

#include "kernels/base/error.h"
#include "train/batch.h"
#include "train/feed_forward.h"

namespace dsabench::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string stage_folder(const std::string& folder, const Stage& stage) {
  return folder + "/" + stage.name;
}

/// What a stage teaches: an indexer only where it runs.
bool learns(const Stage& stage, const NamedParameter& parameter) {
  switch (parameter.kind) {
    case ParameterKind::model:
      return stage.model_learns;
    case ParameterKind::indexer:
      return stage.indexers_learn && stage.pattern.is_full(parameter.layer);
    case ParameterKind::router_bias:
      return false;
  }
  return false;
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
        step_(checkpoint.step),
        model_(plan.config, std::move(checkpoint.parameters), options.precision),
        optimizer_(
            model_.parameters(),
            [this](const NamedParameter& parameter) { return learns(stage_, parameter); },
            stage_.adam),
        forward_{stage_.pattern, stage_.dense_attention, stage_.target} {
    if (resumed) optimizer_.restore(checkpoint.optimizer);
    prepare_next();
  }

  std::int64_t done() const { return step_; }
  bool finished() const { return step_ >= stage_.learning_rate.steps; }

  void save() {
    save_checkpoint(stage_folder(options_.folder, stage_), plan_, stage_index_,
                    {step_, model_.parameters(), optimizer_.save()});
  }

  StepReport step() {
    const auto start = Clock::now();
    const Batch batch = next_.get();
    StepReport report;
    report.step = step_ + 1;
    report.length = batch.level->length;
    report.records = batch.level->records;
    report.learning_rate = stage_.learning_rate.at(step_);
    run_passes(batch, report);
    report.gradient_norm = optimizer_.step(report.learning_rate);
    check_finite(report);
    if (stage_.model_learns) move_router_biases(report);
    ++step_;
    if (!finished()) prepare_next();
    report.seconds = seconds_since(start);
    return report;
  }

 private:
  /// The next step's sequences are made while this one runs.
  void prepare_next() {
    next_ = std::async(std::launch::async,
                       [this, step = step_] { return make_batch(plan_, stage_index_, step); });
  }

  void run_passes(const Batch& batch, StepReport& report) {
    const std::int64_t sequences = batch.tokens.size(0), length = batch.tokens.size(1);
    const std::int64_t at_once = stage_.tokens_at_once / length;
    const double targets = batch.is_target.narrow(1, 1, length - 1).sum().item<double>();
    sums_ = Sums();
    load_.assign(model_.parameters().layers.size(), at::Tensor());
    for (std::int64_t first = 0; first < sequences; first += at_once) {
      const std::int64_t count = std::min(at_once, sequences - first);
      run_pass(batch.tokens.narrow(0, first, count).to(options_.device),
               batch.is_target.narrow(0, first, count), targets, sequences * length);
    }
    if (stage_.model_learns) {
      report.language_loss = sums_.language.item<double>();
      report.accuracy = sums_.accuracy.item<double>();
    }
    if (stage_.indexers_learn) {
      report.indexer_loss = sums_.indexers.item<double>() / double(stage_.pattern.num_full());
    }
  }

  void run_pass(const at::Tensor& tokens, const at::Tensor& is_target, double all_targets,
                std::int64_t all_tokens) {
    const ForwardOutput output = model_.forward(tokens, forward_);
    at::Tensor loss = at::zeros({}, at::TensorOptions(at::kFloat).device(options_.device));
    if (stage_.model_learns) {
      const double targets = is_target.narrow(1, 1, is_target.size(1) - 1).sum().item<double>();
      if (targets > 0) {
        const LanguageLoss language =
            language_loss(model_, output.hidden, tokens, is_target.to(options_.device));
        const at::Tensor share = language.loss * (targets / all_targets);
        loss = loss + share;
        add(sums_.language, share);
        add(sums_.accuracy, language.accuracy * (targets / all_targets));
      }
    }
    for (const at::Tensor& layer : output.indexer_losses) {
      const at::Tensor mean = layer / double(all_tokens);
      loss = loss + mean * stage_.indexer_loss_weight;
      add(sums_.indexers, mean);
    }
    if (loss.requires_grad()) loss.backward();
    for (std::size_t l = 0; l < load_.size(); ++l) add(load_[l], output.expert_load[l]);
  }

  static void add(at::Tensor& sum, const at::Tensor& value) {
    if (!value.defined()) return;
    sum = sum.defined() ? sum + value.detach() : value.detach();
  }

  void check_finite(const StepReport& report) const {
    const auto check = [&](const char* what, double value) {
      if (std::isfinite(value)) return;
      throw VerificationError(
          fmt::format("stage {}, step {}: the {} is {}", stage_.name, report.step, what, value));
    };
    if (report.language_loss) check("language loss", *report.language_loss);
    if (report.indexer_loss) check("indexers' loss", *report.indexer_loss);
    check("gradient's norm", report.gradient_norm);
  }

  void move_router_biases(StepReport& report) {
    double busiest = 0;
    for (std::size_t l = 0; l < load_.size(); ++l) {
      if (!load_[l].defined()) continue;
      balance(model_.parameters().layers[l].router_bias, load_[l], stage_.balance_step);
      busiest = std::max(busiest, (load_[l].max() / load_[l].mean()).item<double>());
    }
    if (busiest > 0) report.busiest_expert = busiest;
  }

  /// Over the passes of a step; undefined where nothing was added.
  struct Sums {
    at::Tensor language, accuracy, indexers;
  };

  const Plan& plan_;
  std::size_t stage_index_;
  const Stage& stage_;
  const TrainingOptions& options_;
  std::int64_t step_;
  Model model_;
  Optimizer optimizer_;
  ForwardOptions forward_;
  Sums sums_;
  std::vector<at::Tensor> load_;
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
  Checkpoint checkpoint = load_checkpoint(*path, plan, stage, device);
  if (checkpoint.step < wanted.learning_rate.steps) {
    throw InvalidArgument(fmt::format("stage {} has done {} of {} steps in {}", wanted.name,
                                      checkpoint.step, wanted.learning_rate.steps, folder));
  }
  return std::move(checkpoint.parameters);
}

StageEnd train_stage(const Plan& plan, const std::string& name, const TrainingOptions& options) {
  const auto start = Clock::now();
  const std::size_t index = plan.stage_index(name);
  const Stage& stage = plan.stages[index];
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
