#include "harness/plan/stage_work.h"

#include <algorithm>

#include "engine/cache/cache_format.h"
#include "engine/cache/indexer_mode.h"
#include "kernels/base/dtype.h"

namespace dsabench {
namespace {

/// Sum over positions first..last-1 of min(position + 1, limit).
double attended_keys(double first, double last, double limit) {
  const auto below = [limit](double n) {
    const double ramp = std::min(n, limit);
    return ramp * (ramp + 1) / 2 + (n - ramp) * limit;
  };
  return below(last) - below(first);
}

/// Parameters of one layer's matrices.
double indexer_parameters(const ModelConfig& c) {
  return double(c.q_lora_rank) * double(c.index_heads * c.index_dim) +
         double(c.hidden_size) * double(c.index_dim + c.index_heads);
}
double attention_parameters(const ModelConfig& c) {
  const auto hidden = double(c.hidden_size), heads = double(c.num_heads);
  return hidden * double(c.q_lora_rank) + double(c.q_lora_rank) * heads * double(c.qk_head_dim()) +
         hidden * double(c.kv_lora_rank + c.qk_rope_dim) +
         double(c.kv_lora_rank) * heads * double(c.qk_nope_dim + c.v_dim) +
         heads * double(c.v_dim) * hidden;
}
double expert_parameters(const ModelConfig& c) {
  return 3 * double(c.hidden_size) * double(c.expert_intermediate_size);
}
double router_parameters(const ModelConfig& c) {
  return double(c.hidden_size) * double(c.num_experts);
}
double dense_parameters(const ModelConfig& c) {
  return 3 * double(c.hidden_size) * double(c.dense_intermediate_size);
}
double moe_layers(const ModelConfig& c) {
  return double(std::count(c.is_moe.begin(), c.is_moe.end(), true));
}

/// Positions first..last-1 of each sequence, in passes of `step`.
struct Positions {
  explicit Positions(const Cell& cell) {
    const bool decode = cell.phase == Phase::decode;
    if (decode) first = double(cell.context_tokens);
    last = double(cell.context_tokens) + (decode ? double(cell.decode_tokens) : 0);
    step = decode ? 1 : double(std::max<std::int64_t>(cell.chunk_tokens, 1));
    num_logits = decode ? last - first : 1;
  }
  /// Sum of body(rows of a sequence, its end) over the passes.
  template <class Body>
  double over_passes(Body&& body) const {
    double sum = 0;
    for (double begin = first; begin < last; begin += step) {
      const double end = std::min(begin + step, last);
      sum += body(end - begin, end);
    }
    return sum;
  }

  double first = 0, last = 0, step = 1;
  double num_logits = 0;  ///< passes that end in logits
};

double full_layers(const Cell& cell) {
  return cell.dense_attention ? 0 : double(num_full_layers(cell));
}
bool is_quantised(const Cell& cell) {
  return cell.indexer_mode != indexer_mode_name(IndexerMode::exact);
}

double flops_a_token(const ModelConfig& c, const Cell& cell, Stage stage) {
  switch (stage) {
    case Stage::indexer_proj:
      return 2 * full_layers(cell) * indexer_parameters(c);
    case Stage::attention_proj:
      return 2 * double(c.num_layers) * attention_parameters(c);
    case Stage::moe:
      return 2 * moe_layers(c) *
             (expert_parameters(c) * double(c.experts_per_token + c.num_shared_experts) +
              router_parameters(c));
    default:
      return 2 * (double(c.num_layers) - moe_layers(c)) * dense_parameters(c);
  }
}

/// Of the row of one key in a cache.
double key_bytes(const ModelConfig& c, const Cell& cell, double value_bytes) {
  return is_quantised(cell) ? double(c.index_dim) + 4 : double(c.index_dim) * value_bytes;
}
double latent_bytes(const ModelConfig& c, const Cell& cell, double value_bytes) {
  const auto latent = double(c.kv_lora_rank), rope = double(c.qk_rope_dim);
  if (cell.cache_format != kFp8CacheName) return (latent + rope) * value_bytes;
  return latent + 4 * double((c.kv_lora_rank + 127) / 128) + 2 * rope;
}

/// Bytes of weights and cached rows that one pass reads.
double bytes_of_pass(const ModelConfig& c, const Cell& cell, Stage stage, double rows, double end) {
  const double value = cell.dtype == dtype_name(DType::bf16) ? 2 : 4;
  const auto batch = double(cell.batch), layers = double(c.num_layers);
  switch (stage) {
    case Stage::indexer_proj:
      return full_layers(cell) * indexer_parameters(c) * value;
    case Stage::indexer_score:
      return batch * full_layers(cell) * end * key_bytes(c, cell, value);
    case Stage::sparse_attention: {
      const double picks = cell.dense_attention ? end : double(c.index_top_k);
      return batch * layers * std::min(rows * picks, end) * latent_bytes(c, cell, value);
    }
    case Stage::attention_proj:
      return layers * attention_parameters(c) * value;
    case Stage::moe: {
      const double chosen =
          std::min(double(c.num_experts), batch * rows * double(c.experts_per_token));
      return moe_layers(c) * value *
             (expert_parameters(c) * (chosen + double(c.num_shared_experts)) +
              router_parameters(c));
    }
    default:
      return (layers - moe_layers(c)) * dense_parameters(c) * value;
  }
}

bool is_declared(Stage stage) {
  return stage != Stage::topk && stage != Stage::norm_rope_quant && stage != Stage::other;
}

}  // namespace

std::optional<double> stage_flops(const ModelConfig& config, const Cell& cell, Stage stage) {
  if (!is_declared(stage)) return std::nullopt;
  const Positions positions(cell);
  const auto batch = double(cell.batch);
  const double first = positions.first, last = positions.last;
  if (stage == Stage::indexer_score) {
    return 2 * batch * full_layers(cell) * attended_keys(first, last, last) *
           double(config.index_heads * config.index_dim);
  }
  if (stage == Stage::sparse_attention) {
    const double picks = cell.dense_attention ? last : double(config.index_top_k);
    return 2 * batch * double(config.num_layers) * attended_keys(first, last, picks) *
           double(config.num_heads) * double(2 * config.kv_lora_rank + config.qk_rope_dim);
  }
  if (stage == Stage::lm_head) {
    return 2 * batch * positions.num_logits * double(config.hidden_size) *
           double(config.vocab_size);
  }
  return batch * (last - first) * flops_a_token(config, cell, stage);
}

std::optional<double> stage_bytes(const ModelConfig& config, const Cell& cell, Stage stage) {
  if (!is_declared(stage)) return std::nullopt;
  const Positions positions(cell);
  if (stage == Stage::lm_head) {
    const double value = cell.dtype == dtype_name(DType::bf16) ? 2 : 4;
    return positions.num_logits * double(config.hidden_size) * double(config.vocab_size) * value;
  }
  return positions.over_passes(
      [&](double rows, double end) { return bytes_of_pass(config, cell, stage, rows, end); });
}

bool has_f8_scores(const Cell& cell) {
  return is_quantised(cell) && cell.device_kind == "cuda" && cell.dtype == dtype_name(DType::bf16);
}

}  // namespace dsabench
