#include "kernels/ops/mla_softmax.h"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/ops/fp8_latents_cpu.h"
#include "kernels/ops/gemm_cpu.h"

namespace dsabench::ops::detail {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

/// exp(from - to), the factor that moves a sum from one maximum to a larger one; 0 for an empty
/// sum.
float rescale_factor(float from, float to) {
  return from == kMinusInfinity ? 0.0f : std::exp(from - to);
}

/// Turns a row's scores into weights under its new maximum and rescales what it has summed.
void weigh_row(const VectorMath& math, MlaState& state, std::int64_t r, float* scores,
               std::int64_t count) {
  const float old_max = state.max[r];
  const float new_max = std::max(old_max, math.max(scores, count));
  if (new_max > old_max) {
    const float factor = rescale_factor(old_max, new_max);
    state.sum[r] *= factor;
    if (factor != 1.0f) math.scale(state.values + r * state.dim, factor, state.dim);
    state.max[r] = new_max;
  }
  // No finite score yet: any finite base gives the weights 0, or NaN where a score is NaN.
  const float base = new_max == kMinusInfinity ? 0.0f : new_max;
  state.sum[r] += math.exp_minus_max_sum(scores, base, count);
}

}  // namespace

void MlaState::reset() {
  std::fill_n(max, rows, kMinusInfinity);
  std::fill_n(sum, rows * (dim + 1), 0.0f);
}

void MlaState::merge(const VectorMath& math, const MlaState& other) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float joint = std::max(max[r], other.max[r]);
    const float own = rescale_factor(max[r], joint);
    const float added = rescale_factor(other.max[r], joint);
    sum[r] = sum[r] * own + other.sum[r] * added;
    math.scale(values + r * dim, own, dim);
    math.axpy(values + r * dim, added, other.values + r * dim, dim);
    max[r] = joint;
  }
}

void MlaState::write_row(const VectorMath& math, std::int64_t r, bool selects, float* out) const {
  if (!selects) {
    std::fill_n(out, dim, 0.0f);
    return;
  }
  std::copy_n(values + r * dim, dim, out);
  math.scale(out, 1.0f / sum[r], dim);
}

void MlaTile::attend(MlaState& state, const MlaKeys& keys, std::int64_t first_visible,
                     std::int64_t rows_per_query) const {
  const auto rows = static_cast<blasint>(state.rows), count = static_cast<blasint>(keys.count);
  const auto latent = static_cast<blasint>(state.dim);
  const auto stride = static_cast<blasint>(keys.stride);
  gemm_cpu(state.rows, keys.count, key_dim, queries, key_dim, keys.data, keys.stride,
           GemmWeight::rows_are_outputs, scores, keys.count);
  for (std::int64_t r = 0; r < state.rows; ++r) {
    float* row = scores + r * keys.count;
    const std::int64_t visible =
        std::clamp<std::int64_t>(first_visible + r / rows_per_query, 0, keys.count);
    if (visible > 0) weigh_row(*math, state, r, row, visible);
    std::fill(row + visible, row + keys.count, 0.0f);
  }
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, latent, count, 1.0f, scores, count,
              keys.data, stride, 1.0f, state.values, latent);
}

void load_latents(const VectorMath& math, const ConstTensorView& latents, std::int64_t row,
                  std::int64_t latent_dim, std::int64_t rope_dim, float* to) {
  if (latents.dtype() == DType::u8) {
    return load_fp8_latents(math, {latent_dim, rope_dim}, latents.row<std::uint8_t>(row), to);
  }
  std::copy_n(latents.row<float>(row), latent_dim + rope_dim, to);
}

void load_mla_query(const VectorMath& math, const float* latent, std::int64_t latent_dim,
                    const float* rope, std::int64_t rope_dim, float scale, float* to) {
  std::copy_n(latent, latent_dim, to);
  std::copy_n(rope, rope_dim, to + latent_dim);
  math.scale(to, scale, latent_dim + rope_dim);
}

}  // namespace dsabench::ops::detail
