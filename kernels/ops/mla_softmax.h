#pragma once
#include <cstdint>

#include "kernels/base/tensor_view.h"
#include "kernels/simd/vector_math.h"

namespace dsabench::ops::detail {

/// The state of a softmax-weighted sum over latents that is fed tile by tile (online softmax):
/// per row the largest score, the sum of exponentials and the unnormalised sum of latents.
/// Two states over disjoint keys merge into one. Owns nothing.
struct MlaState {
  MlaState(float* memory, std::int64_t num_rows, std::int64_t latent_dim)
      : rows(num_rows),
        dim(latent_dim),
        max(memory),
        sum(memory + num_rows),
        values(memory + 2 * num_rows) {}
  static std::int64_t floats(std::int64_t rows, std::int64_t dim) { return rows * (dim + 2); }

  void reset();
  /// Adds `other`, over other keys, to this state.
  void merge(const VectorMath& math, const MlaState& other);
  /// out[dim] = the weighted mean of row r; zeros where `selects` is false.
  void write_row(const VectorMath& math, std::int64_t r, bool selects, float* out) const;

  std::int64_t rows, dim;
  float* max;
  float* sum;
  float* values;
};

/// A tile of keys: `count` rows of (latent, rope), `stride` floats apart.
struct MlaKeys {
  const float* data;
  std::int64_t stride, count;
};

/// How tiles of keys are fed to the rows of a state: row = (query, head).
///   queries  [state.rows, key_dim]     (latent, rope), already times the softmax scale
///   scores   [state.rows, keys.count]  scratch
struct MlaTile {
  const VectorMath* math;
  const float* queries;
  std::int64_t key_dim;
  float* scores;

  /// Row r sees the first `first_visible + r / rows_per_query` keys of the tile: all where that is
  /// more than there are, none where it is negative.
  void attend(MlaState& state, const MlaKeys& keys, std::int64_t first_visible,
              std::int64_t rows_per_query) const;
};

/// The values of row `row` of a cache, f32 or fp8: to[latent + rope].
void load_latents(const VectorMath& math, const ConstTensorView& latents, std::int64_t row,
                  std::int64_t latent_dim, std::int64_t rope_dim, float* to);

/// Writes one query row of a tile: to[latent + rope] = scale * (latent part, rope part).
void load_mla_query(const VectorMath& math, const float* latent, std::int64_t latent_dim,
                    const float* rope, std::int64_t rope_dim, float scale, float* to);

}  // namespace dsabench::ops::detail
