#pragma once
/// Rows of the fp8 latent cache on the CPU.
#include <cstring>

#include "kernels/ops/fp8_latents.h"
#include "kernels/ops/row_steps.h"

namespace dsabench::ops::detail {

inline void store_fp8_latents(const Fp8LatentRow& layout, const float* latent, const float* rope,
                              std::uint8_t* row) {
  for (std::int64_t g = 0; g < layout.num_scales(); ++g) {
    const std::int64_t begin = g * Fp8LatentRow::kGroup;
    const std::int64_t count = std::min(Fp8LatentRow::kGroup, layout.latent_dim - begin);
    const float scale = quantize_row(latent + begin, count, false, row + begin);
    std::memcpy(row + layout.scales_begin() + 4 * g, &scale, 4);
  }
  for (std::int64_t i = 0; i < layout.rope_dim; ++i) {
    const std::uint16_t bits = f32_to_bf16(rope[i]);
    std::memcpy(row + layout.rope_begin() + 2 * i, &bits, 2);
  }
}

/// to[latent_dim + rope_dim] = the row's values.
inline void load_fp8_latents(const VectorMath& math, const Fp8LatentRow& layout,
                             const std::uint8_t* row, float* to) {
  math.e4m3_to_f32(to, row, layout.latent_dim);
  for (std::int64_t g = 0; g < layout.num_scales(); ++g) {
    const std::int64_t begin = g * Fp8LatentRow::kGroup;
    float scale = 0.0f;
    std::memcpy(&scale, row + layout.scales_begin() + 4 * g, 4);
    math.scale(to + begin, scale, std::min(Fp8LatentRow::kGroup, layout.latent_dim - begin));
  }
  for (std::int64_t i = 0; i < layout.rope_dim; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, row + layout.rope_begin() + 2 * i, 2);
    to[layout.latent_dim + i] = bf16_to_f32(bits);
  }
}

}  // namespace dsabench::ops::detail
