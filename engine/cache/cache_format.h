#pragma once
#include <string_view>

namespace dsabench {

/// How latents lie in their cache. activations: in the activations' type, f32 or bf16. fp8: e4m3
/// with an f32 scale for each 128 values, the rotated part in bf16 (kernels/ops/fp8_latents.h).
enum class CacheFormat { activations, fp8 };
inline constexpr std::string_view kFp8CacheName = "fp8";

}  // namespace dsabench
