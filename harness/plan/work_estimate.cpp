#include "harness/plan/work_estimate.h"

#include <algorithm>

#include "harness/plan/stage_work.h"

namespace dsabench {
namespace {

struct Parts {
  double matrices = 0, scores = 0, attention = 0;
};

/// Without the last rows' logits.
Parts parts_of(const ModelConfig& config, const Cell& cell) {
  const auto flops = [&](Stage stage) { return stage_flops(config, cell, stage).value_or(0); };
  return {flops(Stage::indexer_proj) + flops(Stage::attention_proj) + flops(Stage::moe) +
              flops(Stage::dense_mlp),
          flops(Stage::indexer_score), flops(Stage::sparse_attention)};
}

}  // namespace

double estimate_flops(const ModelConfig& config, const Cell& cell) {
  const Parts parts = parts_of(config, cell);
  return parts.matrices + parts.scores + parts.attention;
}

double estimate_trial_flops(const ModelConfig& config, const Cell& cell) {
  const double timed = estimate_flops(config, cell);
  if (cell.phase == Phase::generate) {
    return timed * double(std::max<std::int64_t>(cell.samples_per_task, 1));
  }
  if (cell.phase != Phase::decode) return timed;
  Cell prompts = cell;
  prompts.phase = Phase::prefill;
  prompts.batch = num_prompts(cell);
  return timed + estimate_flops(config, prompts);
}

MatrixWork declared_matrix_work(const ModelConfig& config, const Cell& cell) {
  const Parts parts = parts_of(config, cell);
  const bool f8_scores = has_f8_scores(cell);
  return {parts.matrices + parts.attention + (f8_scores ? 0 : parts.scores),
          f8_scores ? parts.scores : 0};
}

}  // namespace dsabench
