#pragma once
#include <cstdint>

#include "kernels/base/host_device.h"

namespace dsabench::ops {

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that scatters every bit.
DSABENCH_HOST_DEVICE constexpr std::uint64_t mix_bits(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// A uniform number in [0, 1) that depends on (seed, stream) alone, the same on every device:
/// the top 53 bits of mix(mix(seed) ^ mix(~stream)).
constexpr double uniform_at(std::uint64_t seed, std::uint64_t stream) {
  const std::uint64_t bits = mix_bits(mix_bits(seed) ^ mix_bits(~stream));
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace dsabench::ops
