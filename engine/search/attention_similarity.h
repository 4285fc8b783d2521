#pragma once
#include <functional>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "engine/search/calibration_loss.h"

namespace dsabench {

/// How much a layer's attention stays the same under another layer's indices: the matrix of the
/// paper's similarity search. Row-major [layers, layers]; at (source, layer), source < layer, the
/// mean over rows of the cosine of two outputs of the layer's attention (after o_proj): with the
/// indices of `source`, and with its own. All below the layer is all Full. Rows with at most
/// index_top_k causal keys, whose indices are all of them, do not count; a row whose outputs are
/// both zero counts as 1. The rest of the matrix is 1.
///
/// One text a pass; keeps a copy of the residual stream and of the indices of every layer. Runs
/// layers * (layers - 1) / 2 single layers beside each whole pass. `on_text` is called before each
/// text with its number; may throw. Throws InvalidArgument where no row counts, and as
/// PassInPieces.
std::vector<double> attention_similarity(Engine& engine, std::span<const CalibrationText> texts,
                                         const std::function<void(std::int64_t text)>& on_text);

}  // namespace dsabench
