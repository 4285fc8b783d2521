#include "harness/plan/memory_estimate.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/cache/cache_format.h"
#include "harness/plan/layer_slice.h"
#include "kernels/base/dtype.h"
#include "kernels/base/error.h"
#include "kernels/ops/block_table.h"
#include "kernels/ops/fp8_latents.h"
#include "results/layer_list.h"

namespace dsabench {
namespace {

std::int64_t activation_bytes(const Cell& cell) {
  return cell.dtype == dtype_name(DType::bf16) ? 2 : 4;
}

std::int64_t cache_bytes_per_token(const ModelConfig& config, const Cell& cell) {
  const std::int64_t size = activation_bytes(cell);
  const std::int64_t row = cell.cache_format == kFp8CacheName
                               ? ops::Fp8LatentRow{config.kv_lora_rank, config.qk_rope_dim}.bytes()
                               : (config.kv_lora_rank + config.qk_rope_dim) * size;
  const std::int64_t latents = config.num_layers * row;
  if (cell.dense_attention) return latents;
  const bool exact = cell.indexer_mode == "exact";
  // In e4m3 a byte a value, and an f32 scale a key.
  const std::int64_t key = exact ? config.index_dim * size : config.index_dim + 4;
  return latents + num_full_layers(cell) * key;
}

/// Of one packed row: the buffers that a forward pass keeps from one pass to the next.
std::int64_t scratch_bytes_per_row(const ModelConfig& c, const Cell& cell) {
  const std::int64_t attention = c.q_lora_rank + c.kv_lora_rank + c.qk_rope_dim +
                                 c.num_heads * (c.qk_head_dim() + 2 * c.kv_lora_rank + c.v_dim) +
                                 c.hidden_size;
  const std::int64_t residuals = 3 * c.hidden_size;
  const std::int64_t indexer = cell.dense_attention ? 0 : c.index_dim * (c.index_heads + 1);
  const std::int64_t picks = cell.dense_attention ? 0 : 4 * c.index_top_k;
  return activation_bytes(cell) * (attention + residuals + indexer) + picks;
}

}  // namespace

CellMemory estimate_memory(const ModelConfig& config, const Cell& cell) {
  CellMemory memory;
  memory.cache_bytes_per_token = cache_bytes_per_token(config, cell);
  const bool decode = cell.phase == Phase::decode;
  const auto whole_blocks = [](std::int64_t tokens) {
    return ops::blocks_of(tokens) * ops::kBlockRows;
  };
  memory.cached_tokens =
      cell.batch * whole_blocks(cell.context_tokens + (decode ? cell.decode_tokens : 0));
  // The largest pass: a chunk of every prompt, or a step of the whole batch.
  const std::int64_t rows =
      std::max(num_prompts(cell) * std::min(cell.chunk_tokens, cell.context_tokens),
               decode ? cell.batch : 0);
  memory.scratch_bytes = rows * scratch_bytes_per_row(config, cell);
  return memory;
}

std::int64_t longest_context(const ModelConfig& config, const Cell& cell, std::int64_t free_bytes) {
  std::int64_t fits = 0, too_long = config.max_positions + 1;
  Cell other = cell;
  while (too_long - fits > 1) {
    other.context_tokens = fits + (too_long - fits) / 2;
    const bool small = estimate_memory(config, other).total_bytes() <= free_bytes;
    (small ? fits : too_long) = other.context_tokens;
  }
  return fits;
}

void check_fits_memory(const ModelConfig& config, const Cell& cell, std::int64_t free_bytes,
                       const std::string& where) {
  const CellMemory memory = estimate_memory(config, cell);
  if (free_bytes < 0 || memory.total_bytes() <= free_bytes) return;
  const std::int64_t context = longest_context(config, cell, free_bytes);
  std::string advice = fmt::format("a context of about {} tokens would fit", context);
  if (context < std::min<std::int64_t>(cell.context_tokens, 64)) {
    advice = cell.batch > 1 || cell.chunk_tokens > 1024
                 ? "no context would fit with this batch and --chunk"
                 : "no context would fit";
  }
  throw OutOfMemory(
      fmt::format("the cell needs {} bytes beside the weights ({} for the caches of {} tokens, {} "
                  "for intermediate results), {} bytes are free on {}; {}",
                  memory.total_bytes(), memory.cache_bytes(), memory.cached_tokens,
                  memory.scratch_bytes, free_bytes, where, advice),
      memory.total_bytes());
}

std::string advice_for_weights(const ModelConfig& config, std::int64_t bytes_per_parameter,
                               std::int64_t free_bytes, bool generated) {
  const std::int64_t outside =
      (config.tie_word_embeddings ? 1 : 2) * config.vocab_size * config.hidden_size;
  const std::int64_t layer =
      std::max<std::int64_t>((config.num_parameters() - outside) / config.num_layers, 1);
  const std::int64_t layers = (free_bytes / bytes_per_parameter - outside) / layer;
  if (layers < 1) return "not even one of its layers would fit";
  const std::string some = fmt::format("about {} of its {} layers would fit",
                                       std::min(layers, config.num_layers), config.num_layers);
  if (!generated) return some;
  const auto slice = slice_that_fits(config, bytes_per_parameter, free_bytes / 10 * 9);
  if (slice.empty()) return fmt::format("{} (--set num_hidden_layers={})", some, layers);
  return fmt::format("{} (--layers {}, from which times of the whole are extrapolated)", some,
                     layer_list_text(slice));
}

}  // namespace dsabench
