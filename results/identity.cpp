#include "results/identity.h"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <chrono>
#include <cstdint>
#include <random>

namespace dsabench {

std::string content_hash(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string new_run_id() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  std::random_device entropy;
  const auto random64 = [&] { return (std::uint64_t{entropy()} << 32) | entropy(); };
  const std::uint64_t high = (ms << 16) | 0x7000u | (random64() & 0x0fffu);
  const std::uint64_t low = (random64() & 0x3fffffffffffffffu) | 0x8000000000000000u;
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffffu,
                     high & 0xffffu, low >> 48, low & 0xffffffffffffu);
}

}  // namespace dsabench
