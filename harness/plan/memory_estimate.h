#pragma once
#include <cstdint>
#include <string>

#include "engine/model/model_config.h"
#include "harness/plan/cell.h"

namespace dsabench {

/// Bytes that a cell takes beside the weights, counted from the model's sizes: no more than it will
/// really take, so that what is refused by it could not have run.
struct CellMemory {
  std::int64_t cache_bytes_per_token = 0;  ///< of one sequence, over all layers
  std::int64_t cached_tokens = 0;          ///< over all sequences, in whole blocks
  std::int64_t scratch_bytes = 0;          ///< intermediate results of one forward pass

  std::int64_t cache_bytes() const { return cache_bytes_per_token * cached_tokens; }
  std::int64_t total_bytes() const { return cache_bytes() + scratch_bytes; }
};
CellMemory estimate_memory(const ModelConfig& config, const Cell& cell);

/// The longest context that a cell like this one can have in so many free bytes; 0 for none.
std::int64_t longest_context(const ModelConfig& config, const Cell& cell, std::int64_t free_bytes);

/// Throws OutOfMemory with the bytes wanted and free, and what would fit, where the cell cannot.
/// `where`: "cpu", "cuda:0". A negative number of free bytes is unknown and nothing is refused.
void check_fits_memory(const ModelConfig& config, const Cell& cell, std::int64_t free_bytes,
                       const std::string& where);

/// What to do about weights that do not fit: how many layers would, and of generated ones a slice
/// (layer_slice.h) in nine tenths of what is free, so that caches fit beside it.
std::string advice_for_weights(const ModelConfig& config, std::int64_t bytes_per_parameter,
                               std::int64_t free_bytes, bool generated);

}  // namespace dsabench
