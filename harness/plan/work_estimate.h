#pragma once
#include "engine/model/model_config.h"
#include "harness/plan/cell.h"

namespace dsabench {

/// Floating-point operations of one sample of a cell, counted from the model's sizes: matrices of
/// the active parameters, indexer scores on Full layers, attention over the selected keys. For a
/// quality cell: of one prompt. What a dry run prints.
double estimate_flops(const ModelConfig& config, const Cell& cell);

/// What a trial's time goes with: of a decode cell also its prompts, a shared one once, which take
/// most of it; of a quality cell a prompt of each sample of a task. What costs are scaled by and
/// the ETA is weighted by.
double estimate_trial_flops(const ModelConfig& config, const Cell& cell);

/// The same by the type that the products are computed in: e4m3 for indexer scores of the fp8 modes
/// on a GPU in bf16, else the cell's. What speed trials declare, so that reports can hold their
/// times against the ceilings.
struct MatrixWork {
  double flops = 0, f8_flops = 0;
};
MatrixWork declared_matrix_work(const ModelConfig& config, const Cell& cell);

}  // namespace dsabench
