#pragma once
#include <string_view>

namespace dsabench {

/// How latents lie in their cache. activations: in the activations' type, f32 or bf16. fp8: e4m3
/// with an f32 scale for each 128 values, the rotated part in bf16 (kernels/ops/fp8_latents.h).
enum class CacheFormat { activations, fp8 };
inline constexpr const char* kFp8CacheName = "fp8";
/// "fp8", or the name of the activations' type. Throws InvalidArgument for another name.
CacheFormat parse_cache_format(std::string_view name, std::string_view activations);

}  // namespace dsabench
