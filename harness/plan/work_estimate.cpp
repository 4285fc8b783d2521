#include "harness/plan/work_estimate.h"

#include <algorithm>

#include "engine/cache/indexer_mode.h"

namespace dsabench {
namespace {

/// Parameters that every token is multiplied with, the indexers' left out.
double active_parameters(const ModelConfig& c) {
  const auto hidden = double(c.hidden_size), heads = double(c.num_heads);
  const double attention = hidden * double(c.q_lora_rank) +
                           double(c.q_lora_rank) * heads * double(c.qk_head_dim()) +
                           hidden * double(c.kv_lora_rank + c.qk_rope_dim) +
                           double(c.kv_lora_rank) * heads * double(c.qk_nope_dim + c.v_dim) +
                           heads * double(c.v_dim) * hidden;
  const auto moe_layers = double(std::count(c.is_moe.begin(), c.is_moe.end(), true));
  const double expert = 3 * hidden * double(c.expert_intermediate_size);
  const double moe =
      expert * double(c.experts_per_token + c.num_shared_experts) + hidden * double(c.num_experts);
  const double dense = 3 * hidden * double(c.dense_intermediate_size);
  return attention * double(c.num_layers) + moe * moe_layers +
         dense * (double(c.num_layers) - moe_layers);
}

/// Sum over positions first..last-1 of min(position + 1, limit).
double attended_keys(double first, double last, double limit) {
  const auto below = [limit](double n) {
    const double ramp = std::min(n, limit);
    return ramp * (ramp + 1) / 2 + (n - ramp) * limit;
  };
  return below(last) - below(first);
}

struct Parts {
  double matrices = 0, scores = 0, attention = 0;
};

Parts parts_of(const ModelConfig& config, const Cell& cell) {
  const auto context = double(cell.context_tokens);
  const bool decode = cell.phase == Phase::decode;
  const double first = decode ? context : 0;
  const double last = decode ? context + double(cell.decode_tokens) : context;
  const double causal = attended_keys(first, last, last);
  const double selected =
      cell.dense_attention ? causal : attended_keys(first, last, double(config.index_top_k));
  const double full = cell.dense_attention ? 0 : double(num_full_layers(cell));
  const double index_width = double(config.index_heads * config.index_dim);
  const double indexer_parameters =
      double(config.q_lora_rank) * index_width +
      double(config.hidden_size) * double(config.index_dim + config.index_heads);
  const double matrices =
      2 * (last - first) * (active_parameters(config) + full * indexer_parameters);
  const double scores = 2 * full * causal * index_width;
  const double attention = 2 * double(config.num_layers) * selected * double(config.num_heads) *
                           double(2 * config.kv_lora_rank + config.qk_rope_dim);
  const auto batch = double(cell.batch);
  return {batch * matrices, batch * scores, batch * attention};
}

}  // namespace

double estimate_flops(const ModelConfig& config, const Cell& cell) {
  const Parts parts = parts_of(config, cell);
  return parts.matrices + parts.scores + parts.attention;
}

MatrixWork declared_matrix_work(const ModelConfig& config, const Cell& cell) {
  const Parts parts = parts_of(config, cell);
  const bool f8_scores = cell.device_kind == "cuda" && cell.dtype == dtype_name(DType::bf16) &&
                         cell.indexer_mode != indexer_mode_name(IndexerMode::exact);
  return {parts.matrices + parts.attention + (f8_scores ? 0 : parts.scores),
          f8_scores ? parts.scores : 0};
}

}  // namespace dsabench
