#include "engine/cache/cache_format.h"

#include <fmt/format.h>

#include "kernels/base/error.h"

namespace dsabench {

CacheFormat parse_cache_format(std::string_view name, std::string_view activations) {
  if (name == activations) return CacheFormat::activations;
  if (name == kFp8CacheName) return CacheFormat::fp8;
  throw InvalidArgument(
      fmt::format("cache format '{}' is not one of {} (the activations' type), {}", name,
                  activations, kFp8CacheName));
}

}  // namespace dsabench
