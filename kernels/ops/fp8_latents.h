#pragma once
/// Rows of the latent cache in fp8, as FlashMLA and the engines that call it keep them: latent_dim
/// e4m3 codes, an f32 scale for each 128 of them, rope_dim bf16 values; 656 bytes for 512 + 64.
/// Packed: only sizes that are multiples of 4 align what is in them. A scale is max(amax, 1e-4) /
/// 448, not rounded to a power of two.
#include <cstdint>

#include "kernels/base/host_device.h"

namespace dsabench::ops {

struct Fp8LatentRow {
  static constexpr std::int64_t kGroup = 128;  ///< values of a scale
  std::int64_t latent_dim, rope_dim;

  DSABENCH_HOST_DEVICE std::int64_t num_scales() const {
    return (latent_dim + kGroup - 1) / kGroup;
  }
  /// Where the parts begin, in bytes; the codes at 0.
  DSABENCH_HOST_DEVICE std::int64_t scales_begin() const { return latent_dim; }
  DSABENCH_HOST_DEVICE std::int64_t rope_begin() const { return latent_dim + 4 * num_scales(); }
  DSABENCH_HOST_DEVICE std::int64_t bytes() const { return rope_begin() + 2 * rope_dim; }
};

}  // namespace dsabench::ops
