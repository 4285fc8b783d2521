/// dsabench-train: trains the built-in model, stage by stage of a plan.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "kernels/base/error.h"
#include "train/model_files.h"
#include "train/trainer.h"

namespace dsabench::train {
namespace {

// As dsabench's own.
enum ExitCode {
  kDone = 0,
  kUsage = 2,
  kOutOfTime = 3,
  kFailed = 5,
  kIncorrect = 6,
  kInterrupted = 130
};

volatile std::sig_atomic_t interrupted = 0;

void note_signal(int) { interrupted = 1; }

struct Choices {
  std::string plan, stage, folder, output, model;
  std::string device = "cpu";
  std::string precision = "f32";
  std::string dtype = "bf16";
  std::optional<double> time_limit_s;
};

at::Device parse_device(const std::string& name) {
  try {
    const at::Device device(name);
    if (device.is_cpu() || (device.is_cuda() && at::hasCUDA())) return device;
  } catch (const std::exception&) {
    throw InvalidArgument(fmt::format("--device must be cpu or cuda:N, got {}", name));
  }
  throw UnsupportedDevice(fmt::format("--device {}: this LibTorch has no such device", name));
}

/// At most one line a second, and the last.
class Progress {
 public:
  explicit Progress(std::int64_t steps) : steps_(steps) {}
  void operator()(const StepReport& report) {
    const auto now = std::chrono::steady_clock::now();
    if (report.step < steps_ && now - last_ < std::chrono::seconds(1)) return;
    last_ = now;
    fmt::print(stderr, "step {}/{}: {}\n", report.step, steps_, report.to_json());
  }

 private:
  std::int64_t steps_;
  std::chrono::steady_clock::time_point last_{};
};

int run(const Choices& choices) {
  const Plan plan = load_plan(choices.plan);
  const Stage& stage = plan.stages[plan.stage_index(choices.stage)];
  TrainingOptions options;
  options.folder = choices.folder;
  options.device = parse_device(choices.device);
  options.precision = choices.precision == "bf16"   ? Precision::bf16
                      : choices.precision == "tf32" ? Precision::tf32
                                                    : Precision::f32;
  options.time_limit_s = choices.time_limit_s;
  options.interrupted = [] { return interrupted != 0; };
  options.report = Progress(stage.learning_rate.steps);
  std::signal(SIGINT, note_signal);
  std::signal(SIGTERM, note_signal);
  switch (train_stage(plan, choices.stage, options)) {
    case StageEnd::finished:
      return kDone;
    case StageEnd::out_of_time:
      return kOutOfTime;
    case StageEnd::interrupted:
      return kInterrupted;
  }
  return kFailed;
}

int export_model(const Choices& choices) {
  const Plan plan = load_plan(choices.plan);
  const std::size_t stage = plan.stage_index(choices.stage);
  const Parameters parameters = finished_parameters(plan, stage, choices.folder, at::kCPU);
  const ModelConfig config = config_for(plan.config, plan.stages[stage].pattern);
  std::error_code error;
  std::filesystem::create_directories(choices.output, error);
  if (error) throw IoError(fmt::format("cannot make {}: {}", choices.output, error.message()));
  write_model(choices.output, config, parameters,
              choices.dtype == "fp8" ? DType::f8_e4m3 : DType::bf16);
  write_facts_tokenizer(choices.output, config);
  return kDone;
}

int import_exported(const Choices& choices) {
  import_stage(load_plan(choices.plan), choices.stage, choices.folder, choices.model);
  return kDone;
}

int list_stages(const Choices& choices) {
  const Plan plan = load_plan(choices.plan);
  const double parameters = double(plan.config.num_parameters());
  fmt::print("{:.0f} parameters, {:.1f} MiB in bf16, {:.1f} MiB a checkpoint\n", parameters,
             parameters * 2 / 0x1p20, parameters * 8 / 0x1p20);
  for (const Stage& stage : plan.stages) {
    fmt::print("{}: {} steps of {} tokens, {}\n", stage.name, stage.learning_rate.steps,
               stage.tokens_per_step, stage.pattern.letters());
  }
  return kDone;
}

int exit_code_of(const std::exception& error) {
  if (dynamic_cast<const VerificationError*>(&error) != nullptr) return kIncorrect;
  for (const bool mendable : {dynamic_cast<const InvalidArgument*>(&error) != nullptr,
                              dynamic_cast<const ParseError*>(&error) != nullptr,
                              dynamic_cast<const IoError*>(&error) != nullptr,
                              dynamic_cast<const UnsupportedDevice*>(&error) != nullptr}) {
    if (mendable) return kUsage;
  }
  return kFailed;
}

int call(int argc, char** argv) {
  CLI::App app("Trains the model of a plan, stage by stage");
  app.require_subcommand(1);
  Choices choices;
  int (*chosen)(const Choices&) = nullptr;
  const auto add = [&](const char* name, const char* text, int (*action)(const Choices&)) {
    CLI::App* verb = app.add_subcommand(name, text);
    verb->add_option("--plan", choices.plan, "Plan file")->required();
    verb->callback([&chosen, action] { chosen = action; });
    return verb;
  };
  const auto add_stage = [&](CLI::App* verb) {
    verb->add_option("--stage", choices.stage, "Name of a stage of the plan")->required();
    verb->add_option("--folder", choices.folder, "Holds the stages' checkpoints and logs")
        ->required();
  };
  CLI::App* train = add("run", "Begin a stage, or go on with it", run);
  add_stage(train);
  train->add_option("--device", choices.device, "cpu or cuda:N")->capture_default_str();
  train->add_option("--precision", choices.precision, "Of matrix products")
      ->check(CLI::IsMember({"f32", "tf32", "bf16"}))
      ->capture_default_str();
  train
      ->add_option("--time-limit", choices.time_limit_s,
                   "Seconds after which to write a checkpoint and stop with exit code 3")
      ->check(CLI::PositiveNumber);
  train->footer("Example: dsabench-train run --plan train/builtin.json --stage dense --folder out");
  CLI::App* write =
      add("export", "Write a finished stage's model with its tokenizer", export_model);
  add_stage(write);
  write->add_option("--output", choices.output, "Folder to write")->required();
  write->add_option("--dtype", choices.dtype, "Of the weights; fp8: linear maps, in scaled blocks")
      ->check(CLI::IsMember({"bf16", "fp8"}))
      ->capture_default_str();
  write->footer(
      "Example: dsabench-train export --plan train/builtin.json --stage sparse --folder out "
      "--output builtin");
  CLI::App* read =
      add("import", "Take an exported model for what a stage has ended with, to go on from",
          import_exported);
  add_stage(read);
  read->add_option("--model", choices.model, "Folder that export wrote")->required();
  read->footer(
      "Example: dsabench-train import --plan train/builtin.json --stage base --folder out "
      "--model models/builtin/base");
  add("stages", "List a plan's stages", list_stages)
      ->footer("Example: dsabench-train stages --plan train/builtin.json");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  try {
    return chosen(choices);
  } catch (const std::exception& error) {
    fmt::print(stderr, "dsabench-train: {}\n", error.what());
    return exit_code_of(error);
  }
}

}  // namespace
}  // namespace dsabench::train

int main(int argc, char** argv) { return dsabench::train::call(argc, argv); }
