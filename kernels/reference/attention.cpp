#include "kernels/reference/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/reference/parallel.h"

namespace dsabench::reference {
namespace {

std::vector<std::int32_t> real_picks(std::span<const std::int32_t> selected) {
  std::vector<std::int32_t> picks;
  for (const std::int32_t pick : selected) {
    if (pick >= 0) picks.push_back(pick);
  }
  return picks;
}

void softmax(std::vector<double>& values) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const double value : values) largest = std::max(largest, value);
  double sum = 0.0;
  for (double& value : values) {
    value = std::exp(value - largest);
    sum += value;
  }
  for (double& value : values) value /= sum;
}

template <class Query>
double dot(const Query* a, const float* b, std::int64_t count) {
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < count; ++i) {
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  return sum;
}

}  // namespace

std::vector<double> attention_row(const ConstTensorView& q_latent, const ConstTensorView& q_rope,
                                  std::int64_t row, const ConstTensorView& latents,
                                  std::span<const std::int32_t> selected, double scale) {
  const std::int64_t heads = q_latent.dim(1), latent_dim = q_latent.dim(2);
  const std::int64_t rope_dim = q_rope.dim(2);
  const std::vector<std::int32_t> picks = real_picks(selected);
  std::vector<double> out(static_cast<std::size_t>(heads * latent_dim), 0.0);
  if (picks.empty()) return out;
  [[maybe_unused]] const std::int64_t products = heads * latent_dim * std::ssize(picks);
#pragma omp parallel for schedule(static) if (products > kMinParallelProducts)
  for (std::int64_t h = 0; h < heads; ++h) {
    std::vector<double> weights(picks.size());
    double* sums = out.data() + h * latent_dim;
    const float* query = q_latent.row<float>(row) + h * q_latent.stride(1);
    const float* rope = q_rope.row<float>(row) + h * q_rope.stride(1);
    for (std::size_t j = 0; j < picks.size(); ++j) {
      const float* key = latents.row<float>(picks[j]);
      weights[j] = scale * (dot(query, key, latent_dim) + dot(rope, key + latent_dim, rope_dim));
    }
    softmax(weights);
    for (std::size_t j = 0; j < picks.size(); ++j) {
      const float* key = latents.row<float>(picks[j]);
      for (std::int64_t i = 0; i < latent_dim; ++i) {
        sums[i] += weights[j] * static_cast<double>(key[i]);
      }
    }
  }
  return out;
}

std::vector<double> attention_row_mha(std::span<const double> q_nope,
                                      std::span<const double> q_rope, std::int64_t heads,
                                      const ConstTensorView& kv_b, const ConstTensorView& latents,
                                      std::span<const std::int32_t> selected, double scale) {
  const std::int64_t latent_dim = kv_b.dim(1), rope_dim = latents.dim(1) - latent_dim;
  const auto nope_dim = static_cast<std::int64_t>(q_nope.size()) / heads;
  const std::int64_t value_dim = kv_b.dim(0) / heads - nope_dim;
  const std::vector<std::int32_t> picks = real_picks(selected);
  std::vector<double> out(static_cast<std::size_t>(heads * value_dim), 0.0);
  std::vector<double> weights(picks.size());
  for (std::int64_t h = 0; h < heads && !picks.empty(); ++h) {
    const std::int64_t first_row = h * (nope_dim + value_dim);
    for (std::size_t j = 0; j < picks.size(); ++j) {
      const float* latent = latents.row<float>(picks[j]);
      double score = dot(q_rope.data() + h * rope_dim, latent + latent_dim, rope_dim);
      for (std::int64_t i = 0; i < nope_dim; ++i) {
        const double key = dot(kv_b.row<float>(first_row + i), latent, latent_dim);
        score += q_nope[static_cast<std::size_t>(h * nope_dim + i)] * key;
      }
      weights[j] = scale * score;
    }
    softmax(weights);
    for (std::int64_t i = 0; i < value_dim; ++i) {
      double sum = 0.0;
      for (std::size_t j = 0; j < picks.size(); ++j) {
        sum += weights[j] * dot(kv_b.row<float>(first_row + nope_dim + i),
                                latents.row<float>(picks[j]), latent_dim);
      }
      out[static_cast<std::size_t>(h * value_dim + i)] = sum;
    }
  }
  return out;
}

std::vector<std::int32_t> causal_positions(std::int64_t position) {
  std::vector<std::int32_t> positions(static_cast<std::size_t>(position + 1));
  std::iota(positions.begin(), positions.end(), 0);
  return positions;
}

}  // namespace dsabench::reference
