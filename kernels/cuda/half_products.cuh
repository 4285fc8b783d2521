#pragma once
/// Products of e4m3 codes on any GPU with tensor cores: codes become f16, which holds them exactly,
/// so that sums are f32 (the fp8 tensor cores keep about 14 bits).
#include <cstdint>

#include "kernels/cuda/numeric.cuh"

namespace dsabench::cuda {

/// The two e4m3 codes in the low half of `codes` as a pair of f16.
__device__ __forceinline__ std::uint32_t half_pair(std::uint32_t codes) {
  std::uint32_t halves;
#if __CUDA_ARCH__ >= 890
  asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(halves) : "h"(static_cast<std::uint16_t>(codes)));
#else
  const float low = to_float(E4m3{static_cast<std::uint8_t>(codes)});
  const float high = to_float(E4m3{static_cast<std::uint8_t>(codes >> 8)});
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(halves) : "f"(high), "f"(low));
#endif
  return halves;
}

/// The same times a scale, rounded to a pair of bf16.
__device__ __forceinline__ std::uint32_t scaled_bf16_pair(std::uint32_t codes, float scale) {
  float low, high;
  asm("{\n.reg .f16 lower, upper;\nmov.b32 {lower, upper}, %2;\n"
      "cvt.f32.f16 %0, lower;\ncvt.f32.f16 %1, upper;\n}"
      : "=f"(low), "=f"(high)
      : "r"(half_pair(codes)));
  std::uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high * scale), "f"(low * scale));
  return packed;
}

/// c[16, 8] += a[16, 16] b[16, 8], f16; lanes hold what those of the bf16 form hold.
__device__ __forceinline__ void mma_f16(float (&c)[4], const std::uint32_t (&a)[4],
                                        std::uint32_t b0, std::uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

}  // namespace dsabench::cuda
