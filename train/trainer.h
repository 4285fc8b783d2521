#pragma once
#include <functional>
#include <optional>
#include <string>

#include "train/checkpoint.h"
#include "train/layer_math.h"

namespace dsabench::train {

/// What one step was like: a line of a stage's log.jsonl.
struct StepReport {
  std::int64_t step = 0;  ///< counted from 1
  std::int64_t length = 0, records = 0;
  double learning_rate = 0;
  double gradient_norm = 0;              ///< before clipping
  std::optional<double> language_loss;   ///< mean over words of answers
  std::optional<double> accuracy;        ///< share of those that the largest logit has right
  std::optional<double> indexer_loss;    ///< mean over Full layers and tokens
  std::optional<double> busiest_expert;  ///< largest load of an expert over its layer's mean
  double seconds = 0;
  std::string to_json() const;
};

struct TrainingOptions {
  std::string folder;  ///< holds a folder for each stage
  at::Device device = at::kCPU;
  Precision precision = Precision::f32;
  std::optional<double> time_limit_s;
  std::function<bool()> interrupted;              ///< asked after each step; may be empty
  std::function<void(const StepReport&)> report;  ///< told of each step; may be empty
};

enum class StageEnd { finished, out_of_time, interrupted };

/// Goes on with a stage where its folder holds a checkpoint, else begins it: from the stage that it
/// goes on from, which must be finished, or with fresh parameters. Writes a checkpoint every
/// checkpoint_every steps and wherever it ends; run again it goes on, on the CPU bit for bit as if
/// it had not ended there.
///
/// Throws VerificationError where a loss or gradient is not finite, after the last good checkpoint;
/// InvalidArgument and ParseError for checkpoints as load_checkpoint does.
StageEnd train_stage(const Plan& plan, const std::string& stage, const TrainingOptions& options);

/// Takes an exported model for what a stage of `folder` ended with (see import_model).
void import_stage(const Plan& plan, const std::string& stage, const std::string& folder,
                  const std::string& model);

/// The parameters with which a stage ended. Throws InvalidArgument where it has not.
Parameters finished_parameters(const Plan& plan, std::size_t stage, const std::string& folder,
                               const at::Device& device);

}  // namespace dsabench::train
