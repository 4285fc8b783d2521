#pragma once
#include "engine/model/model_config.h"
#include "harness/plan/cell.h"

namespace dsabench {

/// Floating-point operations of one sample of a cell, counted from the model's sizes: matrices of
/// the active parameters, indexer scores on Full layers, attention over the selected keys. For a
/// quality cell: of one prompt. What a dry run prints and what the ETA is weighted by; no time is
/// derived from it.
double estimate_flops(const ModelConfig& config, const Cell& cell);

}  // namespace dsabench
