#pragma once
/// Rows of the fp8 latent cache on CUDA, byte by byte: whatever their alignment.
#include "kernels/cuda/numeric.cuh"
#include "kernels/ops/fp8_latents.h"

namespace dsabench::ops::detail {

__device__ __forceinline__ float load_packed_float(const std::uint8_t* from) {
  std::uint32_t bits = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) bits |= static_cast<std::uint32_t>(from[i]) << (8 * i);
  return __uint_as_float(bits);
}
__device__ __forceinline__ void store_packed_float(std::uint8_t* to, float value) {
#pragma unroll
  for (int i = 0; i < 4; ++i) to[i] = static_cast<std::uint8_t>(__float_as_uint(value) >> (8 * i));
}
/// Through a 32-bit register: ptxas 13.0 stores a wrong low byte of a 16-bit one that a conversion
/// wrote.
__device__ __forceinline__ void store_packed_bf16(std::uint8_t* to, float value) {
  std::uint32_t bits;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(0.0f), "f"(value));
  to[0] = static_cast<std::uint8_t>(bits);
  to[1] = static_cast<std::uint8_t>(bits >> 8);
}

/// Value `i` of a row: of its latent, then of its rotated part.
__device__ __forceinline__ float fp8_latent_value(const Fp8LatentRow& layout,
                                                  const std::uint8_t* row, std::int64_t i) {
  if (i < layout.latent_dim) {
    const std::uint8_t* scale = row + layout.scales_begin() + 4 * (i / Fp8LatentRow::kGroup);
    return cuda::to_float(cuda::E4m3{row[i]}) * load_packed_float(scale);
  }
  const std::uint8_t* at = row + layout.rope_begin() + 2 * (i - layout.latent_dim);
  return cuda::to_float(
      cuda::Bf16{static_cast<std::uint16_t>(at[0] | static_cast<std::uint32_t>(at[1]) << 8)});
}

}  // namespace dsabench::ops::detail
