#pragma once
#include <optional>

#include "engine/model/model_config.h"
#include "engine/stage_clock.h"
#include "harness/plan/cell.h"

namespace dsabench {

/// Floating-point operations of one stage in one sample, counted from the model's sizes: all layers
/// and passes of the batch. Absent where none are declared: norms, rope, embedding, additions.
std::optional<double> stage_flops(const ModelConfig& config, const Cell& cell, Stage stage);

/// Bytes that the same must move at least: each weight once a pass, each cached row that the pass
/// may need once, as the cell stores it. Of experts as many count as the pass's rows could choose,
/// of latents as many as they could pick. Absent where no operations are declared.
std::optional<double> stage_bytes(const ModelConfig& config, const Cell& cell, Stage stage);

/// Whether the indexer's scores are products of e4m3: in the fp8 modes on a GPU in bf16. All other
/// operations are in the cell's type.
bool has_f8_scores(const Cell& cell);

}  // namespace dsabench
