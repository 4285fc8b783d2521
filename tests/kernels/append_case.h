#pragma once
/// Random rows to append to a cache: where they go, how they are rotated, and what they become by
/// the operators' definitions, in double precision.
#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

#include "kernels/ops/append_index_keys.h"
#include "kernels/ops/append_latents.h"
#include "kernels/reference/fp8.h"
#include "kernels/reference/norm.h"
#include "kernels/reference/rope.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

namespace dsabench::test {

struct AppendCase {
  static constexpr double kLatentEps = 1e-6, kKeyEps = 1e-5;

  AppendCase(Random& random, std::int64_t num_tokens, std::int64_t norm_dim, std::int64_t pairs)
      : tokens(num_tokens), cached(tokens + random.integer(0, 90)) {
    slots = Tensor(DType::i32, {tokens});
    std::vector<std::int32_t> rows(static_cast<std::size_t>(cached));
    std::iota(rows.begin(), rows.end(), 0);
    for (std::int64_t t = 0; t < tokens; ++t) {
      std::swap(rows[static_cast<std::size_t>(t)],
                rows[static_cast<std::size_t>(random.integer(t, cached - 1))]);
      slots.data<std::int32_t>()[t] =
          random.integer(0, 9) == 0 ? -1 : rows[static_cast<std::size_t>(t)];
    }
    frequencies = ops::rope_frequencies({std::max<std::int64_t>(2, 2 * pairs), 1e4, {}});
    frequencies.inv_freq.resize(static_cast<std::size_t>(pairs));
    positions = random.integer_tensor({tokens}, 0, 5000);
    cos = Tensor(DType::f32, {tokens, pairs});
    sin = Tensor(DType::f32, {tokens, pairs});
    if (pairs > 0) ops::rope_angles({}, {&frequencies, positions, cos, sin});
    weight = random.normal_tensor({norm_dim});
    bias = random.normal_tensor({norm_dim});
  }

  static std::span<const float> all(const Tensor& tensor) {
    return {tensor.data<float>(), static_cast<std::size_t>(tensor.view().num_elements())};
  }
  std::vector<double> rotated(std::span<const float> x, std::int64_t t,
                              ops::RopeLayout layout) const {
    return reference::rope_row(x, positions.data<std::int32_t>()[t], frequencies.inv_freq,
                               static_cast<double>(frequencies.magnitude), layout);
  }

  std::vector<double> latent_row(const Tensor& x, std::int64_t t) const {
    const std::span<const float> row(x.view().row<float>(t), static_cast<std::size_t>(x.dim(1)));
    const auto latent = static_cast<std::size_t>(weight.dim(0));
    auto out = reference::rms_norm_row(row.first(latent), all(weight), kLatentEps);
    const auto rope = rotated(row.subspan(latent), t, ops::RopeLayout::interleaved);
    out.insert(out.end(), rope.begin(), rope.end());
    return out;
  }
  /// Before it is quantised.
  std::vector<double> key_row(const Tensor& x, std::int64_t t, ops::RopeLayout layout,
                              bool hadamard) const {
    const std::span<const float> row(x.view().row<float>(t), static_cast<std::size_t>(x.dim(1)));
    auto out = reference::layer_norm_row(row, all(weight), all(bias), kKeyEps);
    const std::vector<float> normed(out.begin(), out.end());
    const auto rope_dim = 2 * frequencies.inv_freq.size();
    const auto head = rotated(std::span(normed).first(rope_dim), t, layout);
    std::copy(head.begin(), head.end(), out.begin());
    if (!hadamard) return out;
    return reference::hadamard_row(std::vector<float>(out.begin(), out.end()));
  }

  /// Fails unless row slots[t] of `cache`, f32, is row(t) within `tolerance`, and every row that no
  /// slot names still poison.
  template <class Row>
  void check(ConstTensorView cache, double tolerance, Row&& row) const {
    std::vector<bool> written(static_cast<std::size_t>(cached), false);
    for (std::int64_t t = 0; t < tokens; ++t) {
      const std::int32_t slot = slots.data<std::int32_t>()[t];
      if (slot < 0) continue;
      CAPTURE(t, slot);
      written[static_cast<std::size_t>(slot)] = true;
      check_close(cache.rows(slot, 1), row(t), tolerance);
    }
    for (std::int64_t r = 0; r < cached; ++r) {
      if (written[static_cast<std::size_t>(r)]) continue;
      CAPTURE(r);
      const float* values = cache.row<float>(r);
      CHECK(std::all_of(values, values + cache.dim(1), [](float v) { return std::isnan(v); }));
    }
  }

  std::int64_t tokens, cached;
  ops::RopeFrequencies frequencies;
  Tensor slots, positions, cos, sin, weight, bias;
};

/// The values of e4m3 rows under a scale a row.
inline Tensor dequantised(const Tensor& codes, const Tensor& scales) {
  Tensor values(DType::f32, {codes.dim(0), codes.dim(1)});
  for (std::int64_t i = 0; i < codes.view().num_elements(); ++i) {
    values.data<float>()[i] =
        static_cast<float>(reference::e4m3_value(codes.data<std::uint8_t>()[i])) *
        scales.data<float>()[i / codes.dim(1)];
  }
  return values;
}

}  // namespace dsabench::test
