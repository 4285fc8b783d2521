#include "tests/support/reference_forward.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "kernels/reference/indexer.h"
#include "kernels/reference/moe.h"

namespace dsabench::test {
namespace {

using Vector = std::vector<double>;
using Rows = std::vector<Vector>;

/// Rows [begin, begin + count) of a matrix with `x.size()` columns, times x.
Vector product(const float* matrix, std::int64_t begin, std::int64_t count, const Vector& x) {
  Vector y(static_cast<std::size_t>(count));
  for (std::int64_t o = 0; o < count; ++o) {
    const float* row = matrix + (begin + o) * std::ssize(x);
    y[o] = std::inner_product(x.begin(), x.end(), row, 0.0);
  }
  return y;
}

Vector linear(const Tensor& weight, const Vector& x, const Tensor* bias = nullptr) {
  Vector y = product(weight.data<float>(), 0, weight.dim(0), x);
  if (bias != nullptr && !bias->empty()) {
    for (std::size_t o = 0; o < y.size(); ++o) y[o] += bias->data<float>()[o];
  }
  return y;
}

Vector rms_norm(const Vector& x, const Tensor& weight, double eps) {
  const double mean_square =
      std::inner_product(x.begin(), x.end(), x.begin(), 0.0) / static_cast<double>(x.size());
  Vector y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    y[i] = weight.data<float>()[i] * x[i] / std::sqrt(mean_square + eps);
  }
  return y;
}

Vector layer_norm(const Vector& x, const Tensor& weight, const Tensor& bias) {
  const auto size = static_cast<double>(x.size());
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / size;
  double variance = 0.0;
  for (const double value : x) variance += (value - mean) * (value - mean) / size;
  Vector y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    y[i] = weight.data<float>()[i] * (x[i] - mean) / std::sqrt(variance + 1e-6) +
           bias.data<float>()[i];
  }
  return y;
}

double yarn_magnitude(double factor, double mscale) {
  return factor > 1.0 ? 0.1 * mscale * std::log(factor) + 1.0 : 1.0;
}

/// Frequencies and factors of docs/MODEL.md.
struct Rotation {
  std::vector<float> inv_freq;
  double magnitude = 1.0;

  explicit Rotation(const ops::RopeParams& rope) {
    const double dim = static_cast<double>(rope.dim);
    double low = 0.0, high = 0.0;
    if (rope.yarn) {
      const auto& yarn = *rope.yarn;
      const auto correction = [&](double beta) {
        const double turns =
            static_cast<double>(yarn.original_max_positions) / (2.0 * std::numbers::pi * beta);
        return dim * std::log(turns) / (2.0 * std::log(rope.theta));
      };
      low = std::max(std::floor(correction(yarn.beta_fast)), 0.0);
      high = std::min(std::ceil(correction(yarn.beta_slow)), dim - 1.0);
      if (low == high) high += 0.001;
      if (yarn.mscale && yarn.mscale_all_dim) {
        magnitude = yarn_magnitude(yarn.factor, *yarn.mscale) /
                    yarn_magnitude(yarn.factor, *yarn.mscale_all_dim);
      } else {
        magnitude = yarn.attention_factor.value_or(yarn_magnitude(yarn.factor, 1.0));
      }
    }
    for (std::int64_t i = 0; i < rope.dim / 2; ++i) {
      double frequency = std::pow(rope.theta, -2.0 * static_cast<double>(i) / dim);
      if (rope.yarn) {
        const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
        frequency = frequency / rope.yarn->factor * ramp + frequency * (1.0 - ramp);
      }
      inv_freq.push_back(static_cast<float>(frequency));
    }
  }

  /// Rotates x[begin, begin + dim).
  void apply(Vector& x, std::int64_t begin, std::int64_t position, ops::RopeLayout layout) const {
    const std::int64_t half = std::ssize(inv_freq);
    for (std::int64_t i = 0; i < half; ++i) {
      const double angle = static_cast<float>(position) * inv_freq[i];  // an f32 product
      const double c = magnitude * std::cos(angle), s = magnitude * std::sin(angle);
      const bool interleaved = layout == ops::RopeLayout::interleaved;
      double& a = x[begin + (interleaved ? 2 * i : i)];
      double& b = x[begin + (interleaved ? 2 * i + 1 : i + half)];
      const double rotated = a * c - b * s;
      b = b * c + a * s;
      a = rotated;
    }
  }
};

Vector gated_mlp(const float* gate_up, const float* down, std::int64_t intermediate,
                 const Vector& x) {
  Vector gate = product(gate_up, 0, intermediate, x);
  const Vector up = product(gate_up, intermediate, intermediate, x);
  for (std::size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i] / (1.0 + std::exp(-gate[i]));
  return product(down, 0, std::ssize(x), gate);
}

void add_to(Vector& sum, const Vector& x, double factor = 1.0) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += factor * x[i];
}

class Pass {
 public:
  Pass(const ModelConfig& config, const ReferenceOptions& options, ReferenceResult& result)
      : c_(config), options_(options), rotation_(config.rope), result_(result) {}

  void attention(std::int64_t layer, const LayerWeights& weights, bool is_full, Rows& hidden) {
    const AttentionWeights& w = weights.attention;
    const std::int64_t rows = std::ssize(hidden);
    Rows x, qr, latents, key_ropes;
    for (std::int64_t t = 0; t < rows; ++t) {
      x.push_back(rms_norm(hidden[t], weights.input_norm, c_.rms_norm_eps));
      qr.push_back(
          rms_norm(linear(w.q_a_proj, x[t], &w.q_a_bias), w.q_a_norm, options_.latent_norm_eps));
      Vector kv = linear(w.kv_a_proj, x[t], &w.kv_a_bias);
      Vector p(kv.begin() + c_.kv_lora_rank, kv.end());
      rotation_.apply(p, 0, t, ops::RopeLayout::interleaved);
      kv.resize(static_cast<std::size_t>(c_.kv_lora_rank));
      latents.push_back(rms_norm(kv, w.kv_a_norm, options_.latent_norm_eps));
      key_ropes.push_back(std::move(p));
    }
    if (!options_.dense_attention && is_full) select(layer, *w.indexer, x, qr);
    Rows expanded;  // [keys][heads * (nope + v)]
    for (const Vector& latent : latents) expanded.push_back(linear(w.kv_b_proj, latent));
    for (std::int64_t t = 0; t < rows; ++t) {
      const auto& set = result_.index_sets[layer][t];
      const Vector heads = attend(linear(w.q_b_proj, qr[t]), t, set, expanded, key_ropes);
      add_to(hidden[t], linear(w.o_proj, heads, &w.o_bias));
    }
  }

  void feed_forward(std::int64_t layer, const LayerWeights& weights, Rows& hidden) {
    for (std::int64_t t = 0; t < std::ssize(hidden); ++t) {
      const Vector x = rms_norm(hidden[t], weights.post_attention_norm, c_.rms_norm_eps);
      if (weights.dense) {
        add_to(hidden[t],
               gated_mlp(weights.dense->gate_up.data<float>(), weights.dense->down.data<float>(),
                         c_.dense_intermediate_size, x));
      } else {
        mixture(layer, t, *weights.moe, x, hidden[t]);
      }
    }
  }

 private:
  void select(std::int64_t layer, const IndexerWeights& w, const Rows& x, const Rows& qr) {
    const std::int64_t heads = c_.index_heads, dim = c_.index_dim;
    Rows keys;
    for (std::int64_t t = 0; t < std::ssize(x); ++t) {
      keys.push_back(layer_norm(linear(w.wk, x[t]), w.k_norm_weight, w.k_norm_bias));
      rotation_.apply(keys[t], 0, t, options_.indexer_rope);
      Vector q = linear(w.wq_b, qr[t]);
      for (std::int64_t h = 0; h < heads; ++h)
        rotation_.apply(q, h * dim, t, options_.indexer_rope);
      const Vector gates = linear(w.weights_proj, x[t]);
      Vector scores(static_cast<std::size_t>(t + 1));
      double term_norm = 0.0;
      for (std::int64_t s = 0; s <= t; ++s) {
        double squares = 0.0;
        for (std::int64_t h = 0; h < heads; ++h) {
          double dot = 0.0, products = 0.0, q_squares = 0.0, k_squares = 0.0;
          for (std::int64_t i = 0; i < dim; ++i) {
            const double qi = q[h * dim + i], ki = keys[s][i];
            dot += qi * ki;
            products += qi * qi * ki * ki;
            q_squares += qi * qi;
            k_squares += ki * ki;
          }
          const double gate = gates[h] / std::sqrt(heads);
          scores[s] += gate * std::max(0.0, dot / std::sqrt(dim));
          squares += gate * gate / dim * std::max(products, q_squares * k_squares / dim);
        }
        term_norm = std::max(term_norm, std::sqrt(squares));
      }
      result_.index_term_norms[layer].push_back(term_norm);
      result_.index_margin =
          std::min(result_.index_margin, reference::topk_margin(scores, c_.index_top_k));
      if (options_.index_sets == nullptr) {
        result_.index_sets[layer][t] = reference::topk_positions(scores, c_.index_top_k);
      }
      result_.index_scores[layer].push_back(std::move(scores));
    }
  }

  Vector attend(Vector q, std::int64_t position, const std::vector<std::int32_t>& set,
                const Rows& expanded, const Rows& key_ropes) const {
    const std::int64_t nope = c_.qk_nope_dim, rope = c_.qk_rope_dim, v = c_.v_dim;
    double scale = 1.0 / std::sqrt(static_cast<double>(nope + rope));
    if (c_.rope.yarn && c_.rope.yarn->mscale_all_dim) {
      const double m = yarn_magnitude(c_.rope.yarn->factor, *c_.rope.yarn->mscale_all_dim);
      scale *= m * m;
    }
    Vector out(static_cast<std::size_t>(c_.num_heads * v));
    for (std::int64_t h = 0; h < c_.num_heads; ++h) {
      const std::int64_t at = h * (nope + rope), key_at = h * (nope + v);
      rotation_.apply(q, at + nope, position, ops::RopeLayout::interleaved);
      Vector weights;
      double total = 0.0;
      for (const std::int32_t s : set) {
        const double* key = expanded[s].data() + key_at;
        const double dot = std::inner_product(key, key + nope, q.begin() + at, 0.0) +
                           std::inner_product(key_ropes[s].begin(), key_ropes[s].end(),
                                              q.begin() + at + nope, 0.0);
        weights.push_back(dot * scale);
      }
      const double largest = *std::max_element(weights.begin(), weights.end());
      for (double& weight : weights) total += weight = std::exp(weight - largest);
      for (std::size_t n = 0; n < set.size(); ++n) {
        const double* value = expanded[set[n]].data() + key_at + nope;
        for (std::int64_t i = 0; i < v; ++i) out[h * v + i] += weights[n] / total * value[i];
      }
    }
    return out;
  }

  void mixture(std::int64_t layer, std::int64_t row, const MoeWeights& w, const Vector& x,
               Vector& hidden) {
    const Vector logits = linear(w.router, x);
    const std::vector<float> rounded(logits.begin(), logits.end());
    const auto choice = reference::route_row(
        rounded, {w.router_bias.data<float>(), static_cast<std::size_t>(c_.num_experts)},
        {c_.experts_per_token, c_.expert_groups, c_.topk_expert_groups, true, 1.0});
    result_.router_margin = std::min(result_.router_margin, choice.margin);
    auto& experts = result_.experts[layer][row];
    if (options_.experts == nullptr) experts = choice.experts;
    Vector shares;
    for (const std::int32_t e : experts) shares.push_back(1.0 / (1.0 + std::exp(-logits[e])));
    const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    const std::int64_t width = c_.expert_intermediate_size, hidden_size = c_.hidden_size;
    for (std::size_t n = 0; n < experts.size(); ++n) {
      const double share =
          c_.routed_scaling_factor * shares[n] / (c_.normalize_expert_weights ? sum + 1e-20 : 1.0);
      add_to(hidden,
             gated_mlp(w.gate_up.data<float>() + experts[n] * 2 * width * hidden_size,
                       w.down.data<float>() + experts[n] * width * hidden_size, width, x),
             share);
    }
    if (w.shared) {
      add_to(hidden, gated_mlp(w.shared->gate_up.data<float>(), w.shared->down.data<float>(),
                               width * c_.num_shared_experts, x));
    }
  }

  const ModelConfig& c_;
  const ReferenceOptions& options_;
  Rotation rotation_;
  ReferenceResult& result_;
};

Choices empty_choices(std::int64_t layers, std::size_t rows) {
  return Choices(static_cast<std::size_t>(layers), std::vector<std::vector<std::int32_t>>(rows));
}

}  // namespace

ReferenceResult reference_forward(const ModelConfig& config, const Weights& weights,
                                  const LayerPattern& pattern, std::span<const std::int32_t> tokens,
                                  const ReferenceOptions& options) {
  ReferenceResult result;
  const std::int64_t layers = config.num_layers;
  result.index_sets =
      options.index_sets != nullptr ? *options.index_sets : empty_choices(layers, tokens.size());
  result.experts =
      options.experts != nullptr ? *options.experts : empty_choices(layers, tokens.size());
  result.index_scores.resize(static_cast<std::size_t>(layers));
  result.index_term_norms.resize(static_cast<std::size_t>(layers));
  Rows hidden;
  for (const std::int32_t token : tokens) {
    const float* row = weights.embedding.view().row<float>(token);
    hidden.emplace_back(row, row + config.hidden_size);
  }
  result.hidden.push_back(hidden);
  Pass pass(config, options, result);
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    auto& sets = result.index_sets[layer];
    if (options.dense_attention) {
      for (std::size_t t = 0; t < tokens.size(); ++t) {
        sets[t].resize(t + 1);
        std::iota(sets[t].begin(), sets[t].end(), 0);
      }
    } else if (options.index_sets == nullptr && !pattern.is_full(layer)) {
      sets = result.index_sets[pattern.source_layer(layer)];
    }
    pass.attention(layer, weights.layers[layer], pattern.is_full(layer), hidden);
    pass.feed_forward(layer, weights.layers[layer], hidden);
    result.hidden.push_back(hidden);
  }
  const Tensor& head = config.tie_word_embeddings ? weights.embedding : weights.lm_head;
  for (const Vector& row : hidden) {
    result.final_norm.push_back(rms_norm(row, weights.final_norm, config.rms_norm_eps));
    result.logits.push_back(linear(head, result.final_norm.back()));
  }
  return result;
}

}  // namespace dsabench::test
