#pragma once
/// What is to be trained, and how: the plan file of `dsabench-train`.
///
///   {"model": "builtin_config.json", "seed": 1, "stages": [{"name": "dense", ...}, ...]}
///
/// Every field of a stage must be there, but those that say otherwise: a plan is whole by itself.
#include <cstdint>
#include <string>
#include <vector>

#include "engine/model/layer_pattern.h"
#include "engine/model/model_config.h"
#include "train/attention.h"
#include "train/distillation.h"
#include "train/optimizer.h"

namespace dsabench::train {

/// One kind of sequences.
struct Level {
  std::int64_t length = 0;   ///< tokens of a sequence
  std::int64_t records = 0;  ///< statements of each task
  std::int64_t queries = 8;  ///< to each task, at most; "queries" may be absent
  bool one_task = false;     ///< each sequence of one task, which gets all the room; may be absent
  bool every_question = false;     ///< also such as no sample asks; may be absent
  std::vector<std::string> tasks;  ///< absent: all
  double weight = 1.0;             ///< how often, of the course's weights; may be absent
};

/// The levels that steps are drawn from, each step one of them, until the next course begins.
struct Course {
  std::int64_t first_step = 0;
  std::vector<Level> levels;
};

struct Stage {
  std::string name;
  std::string from;  ///< the stage that it goes on from; absent: fresh parameters
  LayerPattern pattern = LayerPattern::all_full(1);  ///< "uniform 1/4", or letters
  Attention attention = Attention::sparse;  ///< "attention": "dense", "sparse_shared" or "sparse"
  /// Keys that a query selects while this stage trains, unless attention is dense: "index_topk".
  /// Absent: the config's, for which a model is trained in the end.
  std::int64_t index_top_k = 0;
  bool model_learns = false, indexers_learn = false;  ///< "learns": "model", "indexers" or "both"
  IndexerTarget target = IndexerTarget::none;  ///< where indexers learn: "own", "mean_of_losses" or
                                               ///< "loss_of_the_mean"
  std::int64_t tokens_per_step = 0;
  std::int64_t tokens_at_once = 0;    ///< in one pass forward and back: what memory allows
  LearningRate learning_rate;         ///< learning_rate, last_learning_rate, warmup_steps, steps
  AdamOptions adam;                   ///< beta1, beta2, weight_decay, clip_norm
  double indexer_loss_weight = 0;     ///< of the sum over Full layers of the mean over tokens
  double balance_step = 0;            ///< of the routers' biases, while the model learns
  std::int64_t checkpoint_every = 0;  ///< steps
  std::vector<Course> courses;        ///< the first begins at step 0

  /// The course of a step.
  const Course& course(std::int64_t step) const;
};

struct Plan {
  ModelConfig config;
  std::uint64_t seed = 0;
  std::vector<Stage> stages;
  std::vector<std::string> stage_json;  ///< canonical text of each: what a checkpoint belongs to

  /// Throws InvalidArgument listing the names.
  std::size_t stage_index(const std::string& name) const;
};

/// Reads a plan and the config that it names, relative to the plan's folder. Throws ParseError for
/// malformed JSON and InvalidArgument naming file, field and value for what is missing, unknown or
/// impossible.
Plan load_plan(const std::string& path);

}  // namespace dsabench::train
